package dev.catena.frontend.onnx;

import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Value;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/** Which values are made of which, by their elements: who only asks for a value's size isn't made of it. */
final class DataFlow {
  private DataFlow() {}

  static Set<Value> values() {
    return Collections.newSetFromMap(new IdentityHashMap<>());
  }

  static boolean asksSize(Operation op) {
    return op.is("onnx.Shape") || op.is("onnx.Size");
  }

  /** The given values and all that is computed from any of them. */
  static Set<Value> from(Stage stage, Collection<Value> sources) {
    Set<Value> reached = values();
    reached.addAll(sources);
    for (Operation op : stage.operations()) {
      if (!asksSize(op) && op.operands().stream().anyMatch(reached::contains)) {
        reached.addAll(op.results());
      }
    }
    return reached;
  }

  /** The given value and all that it is computed from. */
  static Set<Value> into(Stage stage, Value target) {
    Set<Value> reached = values();
    reached.add(target);
    for (int i = stage.operations().size() - 1; i >= 0; i--) {
      Operation op = stage.operations().get(i);
      if (!asksSize(op) && op.results().stream().anyMatch(reached::contains)) {
        op.operands().stream().filter(v -> v != null).forEach(reached::add);
      }
    }
    return reached;
  }
}
