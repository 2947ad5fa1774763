package dev.catena.frontend.onnx;

import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Value;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;

/** Where a graph attends: a softmax of a product of two values that both come from the tokens. A router's softmax isn't one. */
final class Attentions {
  /** What stands between the product and the softmax: scales, masks, caps, casts. */
  private static final Set<String> ON_SCORES = Set.of("onnx.Add", "onnx.Sub", "onnx.Mul", "onnx.Div", "onnx.Where", "onnx.Cast",
      "onnx.Max", "onnx.Min", "onnx.Clip", "onnx.Tanh", "onnx.Reshape", "onnx.Identity", "onnx.Expand", "onnx.Squeeze", "onnx.Unsqueeze",
      "onnx.Transpose", "onnx.Concat");

  private Attentions() {}

  /** The shares that attentions give to positions, in the order of the graph. */
  static List<Value> shares(Stage stage, Value ids) {
    Set<Value> fromTokens = DataFlow.from(stage, List.of(ids));
    List<Value> found = new ArrayList<>();
    for (Operation op : stage.operations()) {
      if (op.is("onnx.Softmax") && isOfScores(op.operand(0), fromTokens)) {
        found.add(op.result());
      }
    }
    return found;
  }

  private static boolean isOfScores(Value softmaxed, Set<Value> fromTokens) {
    Set<Value> seen = DataFlow.values();
    Deque<Value> open = new ArrayDeque<>(List.of(softmaxed));
    while (!open.isEmpty()) {
      Value v = open.pop();
      Operation op = v.producer();
      if (op == null || !seen.add(v)) {
        continue;
      }
      if ((op.is("onnx.MatMul") || op.is("onnx.Einsum")) && op.operands().stream().allMatch(fromTokens::contains)) {
        return true;
      }
      if (ON_SCORES.contains(op.name())) {
        op.operands().stream().filter(o -> o != null).forEach(open::push);
      }
    }
    return false;
  }
}
