package dev.catena.ir.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Operations that find elements: how many there are is known only when they run. */
final class SelectionOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      OpDefinition.named("onnx.NonZero", "The indices of the elements that aren't zero, [rank, count], in row-major order.")
          .operand("x").traits(Trait.PURE)
          .shape(op -> List.of(Inferred.of(new TensorType(ElementType.I64,
              List.of(Dim.of(op.operand(0).tensorType().rank()), OpaqueDims.of(op, 0, 1))))))
          .meaning((op, in) -> List.of(nonZero((Tensor) in.get(0)))).build(),
      OpDefinition.named("onnx.Compress", "The slices of x along axis where the condition, a list, holds; without axis, of x as "
              + "a list. A condition that is too short doesn't hold for the rest.")
          .operand("x").operand("condition").attribute("axis", Attribute.Int.class, null).traits(Trait.PURE, Trait.MOVES_DATA)
          .shape(op -> List.of(inferCompress(op)))
          .meaning((op, in) -> List.of(compress(op, (Tensor) in.get(0), (Tensor) in.get(1)))).build());

  private SelectionOps() {}

  private static Tensor nonZero(Tensor x) {
    int[] found = IntStream.range(0, x.size()).filter(i -> x.element().isFloat() ? x.get(i) != 0 : x.getLong(i) != 0).toArray();
    Tensor out = new Tensor(ElementType.I64, x.rank(), found.length);
    long[] stride = Strides.of(x.shape());
    for (int a = 0; a < x.rank(); a++) {
      for (int i = 0; i < found.length; i++) {
        out.setLong(a * found.length + i, found[i] / stride[a] % x.dim(a));
      }
    }
    return out;
  }

  private static Inferred inferCompress(Operation op) {
    TensorType x = op.operand(0).tensorType();
    TensorType condition = op.operand(1).tensorType();
    if (condition.rank() != 1 || condition.element() != ElementType.BOOL) {
      throw op.broken("a condition of type " + condition.text() + ", a list of truth values is needed");
    }
    if (op.attribute("axis") == null) {
      return Inferred.of(x.withShape(List.of(OpaqueDims.of(op, 0, 0))));
    }
    int axis = Axes.attribute(op, x.rank());
    List<Dim> shape = new ArrayList<>(x.shape());
    shape.set(axis, OpaqueDims.of(op, 0, axis));
    return Inferred.of(x.withShape(shape));
  }

  private static Tensor compress(Operation op, Tensor given, Tensor condition) {
    Tensor x = op.attribute("axis") == null ? given.reshaped(given.size()) : given;
    int axis = op.attribute("axis") == null ? 0 : Axes.attribute(op, x.rank());
    int[] kept = IntStream.range(0, condition.size()).filter(i -> condition.getLong(i) != 0).toArray();
    if (kept.length > 0 && kept[kept.length - 1] >= x.dim(axis)) {
      throw op.broken("a condition for element " + kept[kept.length - 1] + " of " + Arrays.toString(x.shape()));
    }
    long[] shape = x.shape();
    shape[axis] = kept.length;
    Tensor out = new Tensor(x.element(), shape);
    Rows from = Rows.along(x, axis);
    Rows to = new Rows(from.outer(), kept.length, from.inner());
    for (int r = 0; r < from.count(); r++) {
      for (int i = 0; i < kept.length; i++) {
        out.copy(to.at(r, i), x, from.at(r, kept[i]));
      }
    }
    return out;
  }
}
