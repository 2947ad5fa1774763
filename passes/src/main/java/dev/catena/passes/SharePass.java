package dev.catena.passes;

import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import java.util.HashMap;
import java.util.Map;

/** Weights of equal content become one: exporters repeat the position tables in every piece. */
public final class SharePass extends Pass {
  public SharePass() {
    super("share", "keep weights of equal content once");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    Map<String, Weight> first = new HashMap<>();
    for (Stage stage : module.stages()) {
      for (Operation op : stage.operations()) {
        for (int i = 0; i < op.operands().size(); i++) {
          Value v = op.operand(i);
          if (v != null && v.weight() != null) {
            Weight same = first.putIfAbsent(v.type().text() + v.weight().data().hash(), v.weight());
            if (same != null && same != v.weight()) {
              op.setOperand(i, same.value());
              context.count("share.weights", 1);
            }
          }
        }
      }
    }
    module.removeUnusedWeights();
  }
}
