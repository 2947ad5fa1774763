package dev.catena.passes;

import dev.catena.ir.Block;
import dev.catena.ir.Operation;
import dev.catena.ir.Trait;
import java.util.List;

/** Removes pure operations whose results nobody uses, in a block and the regions inside. */
public final class DeadCode {
  private DeadCode() {}

  /** Returns how many operations were removed. */
  public static int remove(Block block) {
    int removed = 0;
    List<Operation> ops = List.copyOf(block.operations());
    for (int i = ops.size() - 1; i >= 0; i--) {
      Operation op = ops.get(i);
      if (op.definition().has(Trait.PURE) && op.results().stream().allMatch(r -> r.uses().isEmpty())) {
        block.remove(op);
        removed++;
      } else {
        for (Block region : op.regions()) {
          removed += remove(region);
        }
      }
    }
    return removed;
  }
}
