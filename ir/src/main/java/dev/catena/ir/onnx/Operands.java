package dev.catena.ir.onnx;

import dev.catena.ir.Dim;
import dev.catena.ir.Operation;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;

/** What shape functions demand of operands that say how, not what: axes, sizes, indices, single numbers. */
final class Operands {
  private Operands() {}

  /** Each of the given operands, where present, must hold integers. */
  static void integers(Operation op, int... indices) {
    for (int i : indices) {
      Value v = op.operand(i);
      if (v != null && !v.tensorType().element().isInteger()) {
        throw op.broken(name(op, i) + " of type " + v.type().text() + ", integers are needed");
      }
    }
  }

  /** All operands must hold reals. */
  static void reals(Operation op) {
    for (int i = 0; i < op.operands().size(); i++) {
      Value v = op.operand(i);
      if (v != null && !v.tensorType().element().isFloat()) {
        throw op.broken(name(op, i) + " of type " + v.type().text() + ", reals are needed");
      }
    }
  }

  /** Each of the given operands, where present, must be a list: a tensor of rank 1 (or a scalar, for one element). */
  static void lists(Operation op, int... indices) {
    integers(op, indices);
    for (int i : indices) {
      Value v = op.operand(i);
      if (v != null && v.tensorType().rank() > 1) {
        throw op.broken(name(op, i) + " of type " + v.type().text() + ", a list is needed");
      }
    }
  }

  /** Each of the given operands, where present, must have one element, as far as its shape is known. */
  static void single(Operation op, int... indices) {
    for (int i : indices) {
      Value v = op.operand(i);
      if (v == null) {
        continue;
      }
      TensorType t = v.tensorType();
      for (Dim d : t.shape()) {
        if (d.isKnown() && !d.is(1)) {
          throw op.broken(name(op, i) + " of type " + t.text() + ", a single number is needed");
        }
      }
    }
  }

  private static String name(Operation op, int i) {
    return op.definition().operands().get(i).name();
  }
}
