package dev.catena.passes;

import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Trait;
import java.util.List;

/** Removes pure operations whose results nobody uses. */
public final class DeadCode {
  private DeadCode() {}

  /** Returns how many operations were removed. */
  public static int remove(Stage stage) {
    int removed = 0;
    List<Operation> ops = List.copyOf(stage.operations());
    for (int i = ops.size() - 1; i >= 0; i--) {
      Operation op = ops.get(i);
      if (op.definition().has(Trait.PURE) && op.results().stream().allMatch(r -> r.uses().isEmpty())) {
        stage.remove(op);
        removed++;
      }
    }
    return removed;
  }
}
