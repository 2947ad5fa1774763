package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.List;
import java.util.Map;

/** Keys and values in one tensor [2, batch, heads, positions, size], as ONNX Runtime's Attention has them. */
final class StackedCache {
  private StackedCache() {}

  /** The keys (0) or values (1) of a cache, which may be null. */
  static Value part(StageBuilder out, Value cache, int index) {
    if (cache == null) {
      return null;
    }
    Operation stack = cache.producer();
    if (isStack(stack)) {
      return stack.operand(index).producer().operand(0);
    }
    return out.append("Gather", List.of(cache, out.constant(Tensor.i64(new long[] {index}), "part")),
        Map.of("axis", Attribute.of(0)), 1).result();
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

  static boolean isStack(Operation op) {
    return op != null && op.is("onnx.Concat") && op.intAttribute("axis") == 0 && op.operands().size() == 2
        && op.operands().stream().allMatch(v -> v.producer() != null && v.producer().is("onnx.Unsqueeze"));
  }
}
