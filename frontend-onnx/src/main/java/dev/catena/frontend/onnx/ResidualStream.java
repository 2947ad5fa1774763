package dev.catena.frontend.onnx;

import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The values through which everything goes that tokens do to logits: dominators and post-dominators of the paths from one
 * to the other. In any order of operations such a value is, right behind the operation that gives it, the only one that is
 * both computed from the tokens and still read on the way to the logits; so one sweep finds all of them.
 *
 * @param bottlenecks in order; all real, of rank 3
 * @param joins       those of them that are a sum of two values from the stream: ends of residual branches
 */
record ResidualStream(List<Value> bottlenecks, Set<Value> joins) {

  static ResidualStream of(Stage stage, Value ids, Value logits) {
    Set<Value> path = DataFlow.from(stage, List.of(ids));
    path.retainAll(DataFlow.into(stage, logits));
    Map<Value, Integer> lastRead = new IdentityHashMap<>();
    List<Operation> operations = stage.operations();
    for (int i = 0; i < operations.size(); i++) {
      if (isOn(path, operations.get(i))) {
        for (Value v : operations.get(i).operands()) {
          if (path.contains(v)) {
            lastRead.put(v, i);
          }
        }
      }
    }
    List<Value> found = new ArrayList<>();
    Set<Value> joins = DataFlow.values();
    Set<Value> live = DataFlow.values();
    live.add(ids);
    for (int i = 0; i < operations.size(); i++) {
      Operation op = operations.get(i);
      if (!isOn(path, op)) {
        continue;
      }
      int now = i;
      live.removeIf(v -> lastRead.getOrDefault(v, -1) <= now);
      op.results().stream().filter(path::contains).forEach(live::add);
      if (live.size() == 1 && op.results().stream().anyMatch(live::contains)) {
        Value v = live.iterator().next();
        if (v.type() instanceof TensorType t && t.rank() == 3 && t.element().isFloat() && t.dim(-1).isKnown()) {
          found.add(v);
          if (isJoin(path, sum(op))) {
            joins.add(v);
          }
        }
      }
    }
    return new ResidualStream(List.copyOf(found), joins);
  }

  private static boolean isOn(Set<Value> path, Operation op) {
    return !DataFlow.asksSize(op) && op.results().stream().anyMatch(path::contains)
        && op.operands().stream().anyMatch(path::contains);
  }

  /** What an operation gives another shape to, rows that were laid out flat. */
  private static Operation sum(Operation op) {
    return op.is("onnx.Reshape") && op.operand(0).producer() != null ? op.operand(0).producer() : op;
  }

  /** A sum, of which each side comes from the tokens and has the full width: no bias, no norm's epsilon. */
  private static boolean isJoin(Set<Value> path, Operation op) {
    return op.is("onnx.Add") && op.operands().stream().allMatch(v -> path.contains(v) && v.tensorType().rank() >= 2
        && v.tensorType().dim(-1).equals(op.result().tensorType().dim(-1)));
  }
}
