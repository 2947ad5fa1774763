package dev.catena.frontend.onnx;

import dev.catena.ir.Stage;
import dev.catena.ir.Value;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Set;

/** Which cache of a layer is the key and which the value, and what continues each. */
final class CacheParts {
  private static final List<String> SAME_VALUE = List.of("onnx.Concat", "onnx.Cast", "onnx.Identity");

  private CacheParts() {}

  /** Whether {@code a} holds keys rather than {@code b}: keys are nearer to a softmax. */
  static boolean isKey(Value a, Value b) {
    return distanceToSoftmax(a) <= distanceToSoftmax(b); // values meet a softmax only in the next layer, if at all
  }

  private static int distanceToSoftmax(Value from) {
    Set<Value> seen = DataFlow.values();
    Deque<Value> open = new ArrayDeque<>(List.of(from));
    for (int distance = 0; !open.isEmpty(); distance++) {
      for (int n = open.size(); n > 0; n--) {
        Value v = open.poll();
        for (Value.Use u : seen.add(v) ? v.uses() : List.<Value.Use>of()) {
          if (u.user() != null && u.user().is("onnx.Softmax")) {
            return distance;
          }
          if (u.user() != null && !DataFlow.asksSize(u.user())) {
            open.addAll(u.user().results());
          }
        }
      }
    }
    return Integer.MAX_VALUE;
  }

  /** The output that continues a past, by a Concat; null where none does. */
  static Value continuation(Stage stage, Value past) {
    Set<Value> seen = DataFlow.values();
    Deque<Value> open = new ArrayDeque<>(List.of(past));
    while (!open.isEmpty()) {
      Value v = open.pop();
      if (v != past && stage.outputs().contains(v)) {
        return v;
      }
      for (Value.Use u : seen.add(v) ? v.uses() : List.<Value.Use>of()) {
        if (u.user() != null && SAME_VALUE.contains(u.user().name())) {
          open.push(u.user().result());
        }
      }
    }
    return null;
  }
}
