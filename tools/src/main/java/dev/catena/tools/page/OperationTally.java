package dev.catena.tools.page;

import dev.catena.ir.Block;
import dev.catena.ir.Operation;
import java.util.Map;

/** How often each operation stands in a block, both branches of a choice counted. Constants are data, not work: they are left out. */
public final class OperationTally {
  private OperationTally() {}

  /** Adds a block's operations to {@code counts}. */
  public static void add(Block block, Map<String, Integer> counts) {
    for (Operation op : block.operations()) {
      if (!op.is("onnx.Constant")) {
        counts.merge(op.name(), 1, Integer::sum);
      }
      op.regions().forEach(region -> add(region, counts));
    }
  }
}
