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
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Operations that ask for a shape or give the same elements another one. */
final class ShapeOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      OpDefinition.named("onnx.Shape", "The dimensions of x from start to end, as i64.").operand("x")
          .attribute("start", Attribute.Int.class, Attribute.of(0)).attribute("end", Attribute.Int.class, null)
          .traits(Trait.PURE)
          .shape(op -> List.of(inferShape(op)))
          .meaning((op, in) -> {
            long[] shape = ((Tensor) in.get(0)).shape();
            long[] part = Arrays.copyOfRange(shape, start(op, shape.length), end(op, shape.length));
            return List.of(Tensor.i64(part, part.length));
          }).build(),
      OpDefinition.named("onnx.Size", "The number of elements of x, as an i64 scalar.").operand("x").traits(Trait.PURE)
          .shape(op -> List.of(Contents.infer(TensorType.of(ElementType.I64),
              () -> new Dim[] {op.operand(0).tensorType().elements()})))
          .meaning((op, in) -> List.of(Tensor.i64(new long[] {((Tensor) in.get(0)).size()}))).build(),
      OpDefinition.named("onnx.Reshape", "x under another shape; -1 takes what is left, 0 copies (unless allowzero).")
          .operand("x").operand("shape").attribute("allowzero", Attribute.Int.class, Attribute.of(0))
          .traits(Trait.PURE, Trait.SAME_ELEMENTS, Trait.MOVES_DATA, Trait.IN_PLACE)
          .shape(op -> List.of(keeping(op, ReshapeRule.infer(op))))
          .meaning((op, in) -> {
            Tensor x = (Tensor) in.get(0);
            return List.of(x.reshaped(ReshapeRule.shape(op, x.shape(), ((Tensor) in.get(1)).longs())));
          }).build(),
      OpDefinition.named("onnx.Flatten", "x as a matrix: the axes before axis, and the rest.").operand("x")
          .attribute("axis", Attribute.Int.class, Attribute.of(1))
          .traits(Trait.PURE, Trait.SAME_ELEMENTS, Trait.MOVES_DATA, Trait.IN_PLACE)
          .shape(op -> List.of(inferFlatten(op)))
          .meaning((op, in) -> {
            Tensor x = (Tensor) in.get(0);
            int axis = flattenAxis(op, x.rank());
            long[] shape = x.shape();
            return List.of(x.reshaped(Tensor.count(Arrays.copyOf(shape, axis)),
                Tensor.count(Arrays.copyOfRange(shape, axis, shape.length))));
          }).build(),
      OpDefinition.named("onnx.Squeeze", "x without the named axes, which are 1; without axes, all that are 1.")
          .operand("x").optional("axes").traits(Trait.PURE, Trait.SAME_ELEMENTS, Trait.MOVES_DATA, Trait.IN_PLACE)
          .shape(op -> List.of(keeping(op, inferSqueeze(op))))
          .meaning((op, in) -> {
            Tensor x = (Tensor) in.get(0);
            return List.of(x.reshaped(squeezed(op, x.shape(), in.size() > 1 ? (Tensor) in.get(1) : null)));
          }).build(),
      OpDefinition.named("onnx.Unsqueeze", "x with axes of 1 inserted, counted in the result.").operand("x")
          .operand("axes").traits(Trait.PURE, Trait.SAME_ELEMENTS, Trait.MOVES_DATA, Trait.IN_PLACE)
          .shape(op -> List.of(keeping(op, inferUnsqueeze(op))))
          .meaning((op, in) -> {
            Tensor x = (Tensor) in.get(0);
            return List.of(x.reshaped(unsqueezed(op, x.shape(), ((Tensor) in.get(1)).longs())));
          }).build(),
      OpDefinition.named("onnx.Identity", "x.").operand("x")
          .traits(Trait.PURE, Trait.SAME_ELEMENTS, Trait.ELEMENTWISE, Trait.IN_PLACE)
          .shape(op -> List.of(new Inferred(op.operand(0).tensorType(), op.operand(0).contents())))
          .meaning((op, in) -> List.of(in.get(0))).build());

  private ShapeOps() {}

  /** The result holds the elements of operand 0 in their order. */
  private static Inferred keeping(Operation op, TensorType type) {
    return Contents.infer(type, () -> op.operand(0).contents());
  }

  private static int start(Operation op, int rank) {
    return bound(op.intAttribute("start"), rank);
  }

  private static int end(Operation op, int rank) {
    return Math.max(start(op, rank), bound(op.intAttribute("end", rank), rank));
  }

  private static int bound(long at, int rank) {
    return (int) Math.max(0, Math.min(rank, at < 0 ? at + rank : at));
  }

  private static Inferred inferShape(Operation op) {
    List<Dim> shape = op.operand(0).tensorType().shape();
    List<Dim> part = shape.subList(start(op, shape.size()), end(op, shape.size()));
    return Contents.infer(TensorType.of(ElementType.I64, part.size()), () -> part.toArray(Dim[]::new));
  }

  private static int flattenAxis(Operation op, int rank) {
    long axis = op.intAttribute("axis");
    if (axis < -rank || axis > rank) {
      throw op.broken("axis " + axis + " of a tensor of rank " + rank);
    }
    return (int) (axis < 0 ? axis + rank : axis);
  }

  private static Inferred inferFlatten(Operation op) {
    TensorType x = op.operand(0).tensorType();
    int axis = flattenAxis(op, x.rank());
    Dim rows = x.withShape(x.shape().subList(0, axis)).elements();
    Dim columns = x.withShape(x.shape().subList(axis, x.rank())).elements();
    return keeping(op, x.withShape(List.of(rows, columns)));
  }

  private static TensorType inferSqueeze(Operation op) {
    TensorType x = op.operand(0).tensorType();
    Value axes = op.operand(1);
    Operands.lists(op, 1);
    List<Dim> out = new ArrayList<>();
    if (axes == null) {
      for (Dim d : x.shape()) {
        if (!d.isKnown()) {
          throw op.broken("whether dimension " + d + " is 1 isn't known, and no axes are named");
        }
        if (!d.is(1)) {
          out.add(d);
        }
      }
      return x.withShape(out);
    }
    long[] known = Contents.known(axes);
    if (known == null) {
      return x.withShape(OpaqueDims.shape(op, 0, x.rank() - axisCount(op, axes)));
    }
    boolean[] drop = Axes.marked(op, known, x.rank());
    for (int i = 0; i < drop.length; i++) {
      if (!drop[i]) {
        out.add(x.dim(i));
      } else if (x.dim(i).isKnown() && !x.dim(i).is(1)) {
        throw op.broken("axis " + i + " of " + x.text() + " isn't 1");
      }
    }
    return x.withShape(out);
  }

  /** How many axes a list of axes names that is known only when running. */
  static int axisCount(Operation op, Value axes) {
    return listLength(op, axes, op.operand(0).tensorType().rank() + 8);
  }

  /** The length of a list whose elements are known only when running; a scalar counts as one. */
  static int listLength(Operation op, Value list, int most) {
    TensorType t = list.tensorType();
    if (t.rank() == 0) {
      return 1;
    }
    if (t.rank() != 1 || !t.dim(0).isKnown() || t.dim(0).value() > most) {
      throw op.broken("how many numbers %" + list.name() + " holds isn't known: " + t.text());
    }
    return (int) t.dim(0).value();
  }

  private static long[] squeezed(Operation op, long[] shape, Tensor axes) {
    boolean[] drop = new boolean[shape.length];
    if (axes == null) {
      for (int i = 0; i < shape.length; i++) {
        drop[i] = shape[i] == 1;
      }
    } else {
      drop = Axes.marked(op, axes.longs(), shape.length);
    }
    List<Long> out = new ArrayList<>();
    for (int i = 0; i < shape.length; i++) {
      if (!drop[i]) {
        out.add(shape[i]);
      } else if (shape[i] != 1) {
        throw op.broken("axis " + i + " of " + Arrays.toString(shape) + " isn't 1");
      }
    }
    return out.stream().mapToLong(Long::longValue).toArray();
  }

  private static TensorType inferUnsqueeze(Operation op) {
    TensorType x = op.operand(0).tensorType();
    Operands.lists(op, 1);
    long[] axes = Contents.known(op.operand(1));
    if (axes == null) {
      return x.withShape(OpaqueDims.shape(op, 0, x.rank() + axisCount(op, op.operand(1))));
    }
    boolean[] insert = Axes.marked(op, axes, x.rank() + axes.length);
    List<Dim> out = new ArrayList<>();
    int from = 0;
    for (boolean one : insert) {
      out.add(one ? Dim.of(1) : x.dim(from++));
    }
    return x.withShape(out);
  }

  private static long[] unsqueezed(Operation op, long[] shape, long[] axes) {
    boolean[] insert = Axes.marked(op, axes, shape.length + axes.length);
    long[] out = new long[insert.length];
    int from = 0;
    for (int i = 0; i < out.length; i++) {
      out[i] = insert[i] ? 1 : shape[from++];
    }
    return out;
  }
}
