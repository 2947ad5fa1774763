package dev.catena.ir.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Operations over the order of the elements along one axis: largest, first, running sum. */
final class SortingOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      argument("ArgMax", "The index of the largest element along axis.", 1),
      argument("ArgMin", "The index of the smallest element along axis.", -1),
      OpDefinition.named("onnx.TopK", "The k largest (or smallest) elements along axis, and their indices; ties by index.")
          .operand("x").operand("k").result("values").result("indices")
          .attribute("axis", Attribute.Int.class, Attribute.of(-1))
          .attribute("largest", Attribute.Int.class, Attribute.of(1))
          .attribute("sorted", Attribute.Int.class, Attribute.of(1)).traits(Trait.PURE)
          .shape(SortingOps::inferTopK)
          .meaning((op, in) -> topK(op, (Tensor) in.get(0), ((Tensor) in.get(1)).getLong(0))).build(),
      OpDefinition.named("onnx.CumSum", "The running sum along axis.").operand("x").operand("axis")
          .attribute("exclusive", Attribute.Int.class, Attribute.of(0))
          .attribute("reverse", Attribute.Int.class, Attribute.of(0)).traits(Trait.PURE)
          .shape(op -> {
            Operands.integers(op, 1);
            Operands.single(op, 1);
            return List.of(Inferred.of(op.operand(0).tensorType()));
          })
          .meaning((op, in) -> List.of(runningSum(op, (Tensor) in.get(0), ((Tensor) in.get(1)).getLong(0)))).build());

  private SortingOps() {}

  private static OpDefinition argument(String name, String doc, int sign) {
    return OpDefinition.named("onnx." + name, doc).operand("x")
        .attribute("axis", Attribute.Int.class, Attribute.of(0))
        .attribute("keepdims", Attribute.Int.class, Attribute.of(1))
        .attribute("select_last_index", Attribute.Int.class, Attribute.of(0)).traits(Trait.PURE)
        .shape(op -> {
          TensorType x = op.operand(0).tensorType();
          int axis = Axes.attribute(op, x.rank());
          List<Dim> out = new ArrayList<>(x.shape());
          out.set(axis, Dim.of(1));
          if (op.intAttribute("keepdims") == 0) {
            out.remove(axis);
          }
          return List.of(Inferred.of(new TensorType(ElementType.I64, out)));
        })
        .meaning((op, in) -> List.of(extreme(op, (Tensor) in.get(0), sign))).build();
  }

  static int compare(Tensor x, int a, int b) {
    return x.element().isFloat() ? Double.compare(x.get(a), x.get(b))
        : Scalars.compare(x.element(), x.getLong(a), x.getLong(b));
  }

  private static Tensor extreme(Operation op, Tensor x, int sign) {
    int axis = Axes.attribute(op, x.rank());
    Rows rows = Rows.along(x, axis);
    if (rows.length() == 0) {
      throw op.broken("along an axis of 0 elements");
    }
    boolean last = op.intAttribute("select_last_index") != 0;
    List<Long> dims = new ArrayList<>();
    for (int i = 0; i < x.rank(); i++) {
      if (i != axis) {
        dims.add(x.dim(i));
      } else if (op.intAttribute("keepdims") != 0) {
        dims.add(1L);
      }
    }
    Tensor out = new Tensor(ElementType.I64, dims.stream().mapToLong(Long::longValue).toArray());
    for (int r = 0; r < rows.count(); r++) {
      int best = 0;
      for (int i = 1; i < rows.length(); i++) {
        int order = sign * compare(x, rows.at(r, i), rows.at(r, best));
        if (order > 0 || last && order == 0) {
          best = i;
        }
      }
      out.setLong(r, best);
    }
    return out;
  }

  private static List<Inferred> inferTopK(Operation op) {
    TensorType x = op.operand(0).tensorType();
    int axis = Axes.attribute(op, x.rank());
    Operands.integers(op, 1);
    Operands.single(op, 1);
    Dim[] k = op.operand(1).contents();
    if (k != null) {
      DataMovementOps.requireSizes(op, k);
    }
    List<Dim> out = new ArrayList<>(x.shape());
    out.set(axis, k != null && k.length == 1 ? k[0] : OpaqueDims.of(op, 0, axis));
    return List.of(Inferred.of(x.withShape(out)), Inferred.of(new TensorType(ElementType.I64, out)));
  }

  private static List<EvalValue> topK(Operation op, Tensor x, long k) {
    int axis = Axes.attribute(op, x.rank());
    Rows rows = Rows.along(x, axis);
    if (k < 0 || k > rows.length()) {
      throw op.broken("k = " + k + " along an axis of " + rows.length());
    }
    int sign = op.intAttribute("largest") != 0 ? -1 : 1;
    long[] shape = x.shape();
    shape[axis] = k;
    Tensor values = new Tensor(x.element(), shape);
    Tensor indices = new Tensor(ElementType.I64, shape);
    Rows to = new Rows(rows.outer(), (int) k, rows.inner());
    for (int r = 0; r < rows.count(); r++) {
      int row = r;
      int[] order = IntStream.range(0, rows.length()).boxed()
          .sorted((a, b) -> sign * compare(x, rows.at(row, a), rows.at(row, b))) // stable: ties by index
          .mapToInt(Integer::intValue).toArray();
      for (int i = 0; i < k; i++) {
        values.copy(to.at(r, i), x, rows.at(r, order[i]));
        indices.setLong(to.at(r, i), order[i]);
      }
    }
    return List.of(values, indices);
  }

  private static Tensor runningSum(Operation op, Tensor x, long axis) {
    Rows rows = Rows.along(x, Axes.index(op, axis, x.rank()));
    boolean exclusive = op.intAttribute("exclusive") != 0;
    boolean reverse = op.intAttribute("reverse") != 0;
    Tensor out = new Tensor(x.element(), x.shape());
    for (int r = 0; r < rows.count(); r++) {
      double real = 0;
      long integer = 0;
      for (int i = 0; i < rows.length(); i++) {
        int at = rows.at(r, reverse ? rows.length() - 1 - i : i);
        double realBefore = real;
        long integerBefore = integer;
        if (x.element().isFloat()) {
          real += x.get(at);
          out.set(at, exclusive ? realBefore : real);
        } else {
          integer += x.getLong(at);
          out.setLong(at, exclusive ? integerBefore : integer);
        }
      }
    }
    return out;
  }
}
