package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.List;
import java.util.Map;

/**
 * Keys and values in one tensor [2, batch, heads, positions, size], as ONNX Runtime's Attention has them, and transformers'
 * GPT-2 had them once.
 */
final class StackedCache {
  private StackedCache() {}

  /** The keys (0) or values (1) of a cache, which may be null. */
  static Value part(StageBuilder out, Value cache, int index) {
    if (cache == null) {
      return null;
    }
    Operation stack = source(cache);
    if (isStack(cache)) {
      return stack.operand(index).producer().operand(0);
    }
    return out.append("Gather", List.of(cache, out.constant(Tensor.i64(new long[] {index}), "part")),
        Map.of("axis", Attribute.of(0)), 1).result();
  }

  /** What a node takes out of such a cache, keys or values or both; null where it does something else. */
  static List<Value> taken(OnnxGraph.Node node, List<Value> in) {
    Value x = in.isEmpty() ? null : in.get(0);
    if (x == null || OperationForms.integer(node, "axis", 0) != 0) {
      return null;
    }
    Operation source = source(x);
    Tensor second = in.size() < 2 || in.get(1) == null ? null : in.get(1).constant();
    if (node.is("Gather") && isStack(x) && second != null && second.size() == 1 && (second.getLong(0) == 0 || second.getLong(0) == 1)) {
      Value part = source.operand((int) second.getLong(0));
      return List.of(second.rank() == 0 ? part.producer().operand(0) : part);
    }
    if (node.is("Split") && isStack(x) && node.outputs().size() == 2) {
      return source.operands();
    }
    boolean first = second != null ? second.size() == 1 && second.getLong(0) == 0 : squeezesFirst(node);
    return node.is("Squeeze") && first && source != null && source.is("onnx.Unsqueeze") && isPart(source) ? List.of(source.operand(0)) : null;
  }

  private static boolean squeezesFirst(OnnxGraph.Node node) {
    OnnxAttribute axes = node.attributes().get("axes");
    return axes != null && axes.integers() != null && axes.integers().length == 1 && axes.integers()[0] == 0;
  }

  /** Whether an Unsqueeze makes a part of such a cache. */
  private static boolean isPart(Operation unsqueeze) {
    return unsqueeze.result().uses().stream().anyMatch(u -> u.user() != null && u.user().is("onnx.Concat") && isStack(u.user().result()));
  }

  static Value joined(StageBuilder out, Value keys, Value values) {
    Value axis = out.constant(Tensor.i64(new long[] {0}, 1), "axes");
    return out.append("Concat", List.of(out.append("Unsqueeze", keys, axis), out.append("Unsqueeze", values, axis)),
        Map.of("axis", Attribute.of(0)), 1).result();
  }

  /** Whether a language model's input or output of this type is such a cache. */
  static boolean fits(TensorType type) {
    return type.rank() == 5 && type.dim(0).is(2) && type.element().isFloat();
  }

  private static Operation source(Value v) {
    Operation op = v.producer();
    while (op != null && op.is("onnx.Identity")) {
      op = op.operand(0).producer();
    }
    return op;
  }

  /** Whether the value is made of keys and values laid one behind the other. */
  static boolean isStack(Value v) {
    Operation op = source(v);
    return op != null && op.is("onnx.Concat") && op.intAttribute("axis") == 0 && op.operands().size() == 2
        && op.operands().stream().allMatch(part -> part.producer() != null && part.producer().is("onnx.Unsqueeze"));
  }
}
