package dev.catena.ir.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.EvalValue;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.TransposedWeight;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Operations that lay elements out anew: permute, join, cut, repeat. */
final class DataMovementOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      OpDefinition.named("onnx.Transpose", "x with its axes in the order perm; without it, reversed.").operand("x")
          .attribute("perm", Attribute.Ints.class, null).traits(Trait.PURE, Trait.MOVES_DATA)
          .weightView(DataMovementOps::transposeOfWeight)
          .shape(op -> List.of(inferTranspose(op)))
          .meaning((op, in) -> List.of(transpose((Tensor) in.get(0), permutation(op, ((Tensor) in.get(0)).rank())))).build(),
      OpDefinition.named("onnx.Concat", "The operands laid end to end along axis.").variadic("data")
          .attribute("axis", Attribute.Int.class).traits(Trait.PURE, Trait.MOVES_DATA)
          .shape(op -> List.of(inferConcat(op)))
          .meaning((op, in) -> List.of(concat(op, in, Axes.attribute(op, ((Tensor) in.get(0)).rank())))).build(),
      OpDefinition.named("onnx.Split", "x cut along axis into parts of the given sizes, or into num_outputs equal ones.")
          .operand("x").optional("split").results("part")
          .attribute("axis", Attribute.Int.class, Attribute.of(0))
          .attribute("num_outputs", Attribute.Int.class, null).traits(Trait.PURE, Trait.MOVES_DATA)
          .shape(DataMovementOps::inferSplit)
          .meaning((op, in) -> split(op, (Tensor) in.get(0), in.size() > 1 ? (Tensor) in.get(1) : null)).build(),
      OpDefinition.named("onnx.Slice", "The elements of x from starts to ends along axes, steps apart.").operand("x")
          .operand("starts").operand("ends").optional("axes").optional("steps").traits(Trait.PURE, Trait.MOVES_DATA)
          .shape(op -> List.of(SliceRule.infer(op)))
          .meaning((op, in) -> List.of(SliceRule.evaluate(op, (Tensor) in.get(0), (Tensor) in.get(1),
              (Tensor) in.get(2), in.size() > 3 ? (Tensor) in.get(3) : null, in.size() > 4 ? (Tensor) in.get(4) : null)))
          .build(),
      OpDefinition.named("onnx.Expand", "x broadcast with a tensor of the given shape.").operand("x").operand("shape")
          .traits(Trait.PURE, Trait.MOVES_DATA)
          .shape(op -> List.of(inferExpand(op)))
          .meaning((op, in) -> {
            Tensor x = (Tensor) in.get(0);
            return List.of(Broadcasting.stretch(x, Broadcasting.shape(op, x.shape(), ((Tensor) in.get(1)).longs())));
          }).build(),
      OpDefinition.named("onnx.Tile", "x repeated along each axis.").operand("x").operand("repeats")
          .traits(Trait.PURE, Trait.MOVES_DATA)
          .shape(op -> List.of(inferTile(op)))
          .meaning((op, in) -> List.of(tile(op, (Tensor) in.get(0), ((Tensor) in.get(1)).longs()))).build(),
      OpDefinition.named("onnx.Pad", "x with pads elements before and (second half of pads) behind each of axes: a constant (zero), "
              + "or by mode its mirror image (reflect), its edge, or itself anew (wrap); negative pads cut off.")
          .operand("x").operand("pads").optional("constant").optional("axes")
          .attribute("mode", Attribute.Text.class, Attribute.of("constant")).traits(Trait.PURE)
          .shape(op -> List.of(PaddingRule.infer(op)))
          .meaning((op, in) -> List.of(PaddingRule.evaluate(op, (Tensor) in.get(0), (Tensor) in.get(1),
              in.size() > 2 ? (Tensor) in.get(2) : null, in.size() > 3 ? (Tensor) in.get(3) : null))).build(),
      OpDefinition.named("onnx.Resize", "x with its axes scaled, or brought to sizes; each element is mixed of its neighbours: the "
              + "nearest, two (linear) or four (cubic) along each axis.")
          .operand("x").optional("roi").optional("scales").optional("sizes")
          .attribute("antialias", Attribute.Int.class, Attribute.of(0))
          .attribute("axes", Attribute.Ints.class, null)
          .attribute("coordinate_transformation_mode", Attribute.Text.class, Attribute.of("half_pixel"))
          .attribute("cubic_coeff_a", Attribute.Real.class, Attribute.of(-0.75))
          .attribute("exclude_outside", Attribute.Int.class, Attribute.of(0))
          .attribute("extrapolation_value", Attribute.Real.class, Attribute.of(0.0))
          .attribute("keep_aspect_ratio_policy", Attribute.Text.class, Attribute.of("stretch"))
          .attribute("mode", Attribute.Text.class, Attribute.of("nearest"))
          .attribute("nearest_mode", Attribute.Text.class, Attribute.of("round_prefer_floor")).traits(Trait.PURE)
          .shape(op -> List.of(ResizeRule.infer(op)))
          .meaning((op, in) -> List.of(ResizeRule.evaluate(op, (Tensor) in.get(0), (Tensor) in.get(1),
              in.size() > 2 ? (Tensor) in.get(2) : null, in.size() > 3 ? (Tensor) in.get(3) : null))).build(),
      OpDefinition.named("onnx.Trilu", "The upper (or lower) triangle of x's last two axes, shifted by k; zeros elsewhere.")
          .operand("x").optional("k").attribute("upper", Attribute.Int.class, Attribute.of(1)).traits(Trait.PURE)
          .shape(op -> {
            if (op.operand(0).tensorType().rank() < 2) {
              throw op.broken("operand of rank " + op.operand(0).tensorType().rank() + ", at least 2 is needed");
            }
            Operands.integers(op, 1);
            Operands.single(op, 1);
            return List.of(Inferred.of(op.operand(0).tensorType()));
          })
          .meaning((op, in) -> List.of(triangle(op, (Tensor) in.get(0), in.size() > 1 ? (Tensor) in.get(1) : null))).build());

  private DataMovementOps() {}

  private static WeightData transposeOfWeight(Operation op, WeightData data) {
    int[] permutation = new int[data.tensorType().rank()];
    for (int i = 0; i < permutation.length; i++) {
      permutation[i] = op.hasAttribute("perm") ? op.intsAttribute("perm").get(i).intValue()
          : permutation.length - 1 - i;
    }
    return new TransposedWeight(data, permutation);
  }

  private static int[] permutation(Operation op, int rank) {
    int[] perm = new int[rank];
    if (op.attribute("perm") == null) {
      for (int i = 0; i < rank; i++) {
        perm[i] = rank - 1 - i;
      }
      return perm;
    }
    List<Long> wanted = op.intsAttribute("perm");
    if (wanted.size() != rank) {
      throw op.broken("perm = " + wanted + " for a tensor of rank " + rank);
    }
    Axes.marked(op, wanted.stream().mapToLong(Long::longValue).toArray(), rank);
    for (int i = 0; i < rank; i++) {
      perm[i] = Axes.index(op, wanted.get(i), rank);
    }
    return perm;
  }

  private static Inferred inferTranspose(Operation op) {
    TensorType x = op.operand(0).tensorType();
    List<Dim> out = new ArrayList<>();
    for (int p : permutation(op, x.rank())) {
      out.add(x.dim(p));
    }
    return Contents.infer(x.withShape(out), () -> x.rank() <= 1 ? op.operand(0).contents() : null);
  }

  static Tensor transpose(Tensor x, int... perm) {
    long[] from = Strides.of(x.shape());
    long[] shape = new long[perm.length];
    long[] stride = new long[perm.length];
    for (int i = 0; i < perm.length; i++) {
      shape[i] = x.dim(perm[i]);
      stride[i] = from[perm[i]];
    }
    Tensor out = new Tensor(x.element(), shape);
    long[] index = new long[perm.length];
    for (int o = 0; o < out.size(); o++) {
      long linear = 0;
      for (int i = 0; i < perm.length; i++) {
        linear += index[i] * stride[i];
      }
      out.copy(o, x, (int) linear);
      Strides.advance(index, shape);
    }
    return out;
  }

  private static Inferred inferConcat(Operation op) {
    if (op.operands().isEmpty()) {
      throw op.broken("needs at least one operand");
    }
    Elementwise.sameElement(op);
    TensorType first = op.operand(0).tensorType();
    int axis = Axes.attribute(op, first.rank());
    List<Dim> out = new ArrayList<>(first.shape());
    Dim sum = Dim.of(0);
    for (Value v : op.operands()) {
      TensorType t = v.tensorType();
      if (t.rank() != first.rank()) {
        throw op.broken("operands of ranks " + first.rank() + " and " + t.rank());
      }
      for (int i = 0; i < t.rank(); i++) {
        if (i == axis) {
          sum = sum.plus(t.dim(i));
        } else if (t.dim(i).isKnown()) {
          if (out.get(i).isKnown() && !out.get(i).equals(t.dim(i))) {
            throw op.broken(first.text() + " and " + t.text() + " differ outside axis " + axis);
          }
          out.set(i, t.dim(i));
        }
      }
    }
    out.set(axis, sum);
    return Contents.infer(first.withShape(out), () -> {
      List<Dim> all = new ArrayList<>();
      for (Value v : op.operands()) {
        if (v.contents() == null || first.rank() != 1) {
          return null;
        }
        all.addAll(Arrays.asList(v.contents()));
      }
      return all.toArray(Dim[]::new);
    });
  }

  /** The tensors {@code in} laid end to end along {@code axis}. */
  static Tensor concat(Operation op, List<? extends EvalValue> in, int axis) {
    Tensor first = (Tensor) in.get(0);
    long[] shape = first.shape();
    shape[axis] = 0;
    for (EvalValue v : in) {
      Tensor t = (Tensor) v;
      for (int i = 0; i < shape.length; i++) {
        if (i != axis && t.dim(i) != shape[i]) {
          throw op.broken(Arrays.toString(first.shape()) + " and " + Arrays.toString(t.shape()) + " differ outside axis " + axis);
        }
      }
      shape[axis] += t.dim(axis);
    }
    Tensor out = new Tensor(first.element(), shape);
    int outer = Strides.count(shape, 0, axis);
    int at = 0;
    for (int o = 0; o < outer; o++) {
      for (EvalValue v : in) {
        Tensor t = (Tensor) v;
        int run = Strides.count(t.shape(), axis, shape.length);
        for (int i = 0; i < run; i++) {
          out.copy(at++, t, o * run + i);
        }
      }
    }
    return out;
  }

  private static List<Inferred> inferSplit(Operation op) {
    TensorType x = op.operand(0).tensorType();
    int axis = Axes.attribute(op, x.rank());
    int parts = op.results().size();
    Operands.lists(op, 1);
    Dim[] sizes = Contents.of(op.operand(1));
    if (op.operand(1) != null && ShapeOps.listLength(op, op.operand(1), Contents.LIMIT) != parts) {
      throw op.broken("sizes of type " + op.operand(1).type().text() + " for " + parts + " results");
    }
    if (op.intAttribute("num_outputs", parts) != parts) {
      throw op.broken("num_outputs is " + op.intAttribute("num_outputs") + ", there are " + parts + " results");
    }
    if (sizes != null) {
      requireSizes(op, sizes);
    }
    Dim d = x.dim(axis);
    if (sizes != null && d.isKnown()) {
      Dim sum = Dim.of(0);
      for (Dim s : sizes) {
        sum = sum.plus(s);
      }
      if (sum.isKnown() && !sum.equals(d)) {
        throw op.broken("sizes " + Arrays.toString(sizes) + " don't add up to " + d);
      }
    }
    List<Inferred> out = new ArrayList<>();
    for (int i = 0; i < parts; i++) {
      Dim size;
      if (op.operand(1) != null) {
        size = sizes != null ? sizes[i] : OpaqueDims.of(op, i, axis);
      } else {
        size = d.isKnown() ? Dim.of(equalPart(d.value(), parts, i)) : i < parts - 1 || d.dividedBy(Dim.of(parts))
            .times(Dim.of(parts)).equals(d) ? d.dividedBy(Dim.of(parts)) : OpaqueDims.of(op, i, axis);
      }
      List<Dim> shape = new ArrayList<>(x.shape());
      shape.set(axis, size);
      out.add(Inferred.of(x.withShape(shape)));
    }
    return out;
  }

  /** Equal parts, rounded up; the last one may be smaller. */
  private static long equalPart(long d, int parts, int index) {
    long size = (d + parts - 1) / parts;
    return Math.max(0, Math.min(size, d - size * index));
  }

  private static List<EvalValue> split(Operation op, Tensor x, Tensor sizes) {
    int axis = Axes.attribute(op, x.rank());
    int parts = op.results().size();
    int outer = Strides.count(x.shape(), 0, axis);
    int inner = Strides.count(x.shape(), axis + 1, x.rank());
    int whole = (int) x.dim(axis);
    List<EvalValue> out = new ArrayList<>();
    int from = 0;
    for (int p = 0; p < parts; p++) {
      int size = Math.toIntExact(sizes != null ? sizes.getLong(p) : equalPart(whole, parts, p));
      if (size < 0 || size > whole - from) {
        throw op.broken("parts of " + (sizes == null ? "equal size" : Arrays.toString(sizes.longs())) + " don't fit " + whole);
      }
      long[] shape = x.shape();
      shape[axis] = size;
      Tensor part = new Tensor(x.element(), shape);
      int run = size * inner;
      for (int o = 0; o < outer; o++) {
        for (int i = 0; i < run; i++) {
          part.copy(o * run + i, x, (o * whole + from) * inner + i);
        }
      }
      out.add(part);
      from += size;
    }
    return out;
  }

  private static Inferred inferExpand(Operation op) {
    TensorType x = op.operand(0).tensorType();
    Value shape = op.operand(1);
    Operands.lists(op, 1);
    Dim[] wanted = shape.contents();
    if (wanted == null) {
      int rank = ShapeOps.listLength(op, shape, Contents.LIMIT);
      return Inferred.of(x.withShape(OpaqueDims.shape(op, 0, Math.max(x.rank(), rank))));
    }
    requireSizes(op, wanted);
    TensorType type = x.withShape(Broadcasting.shape(op, x.shape(), List.of(wanted)));
    return Contents.infer(type, () -> {
      Dim[] c = op.operand(0).contents();
      if (c == null) {
        return null;
      }
      int[] from = Broadcasting.indices(x.staticShape(), type.staticShape());
      return Arrays.stream(from).mapToObj(i -> c[i]).toArray(Dim[]::new);
    });
  }

  /** Sizes and repeats, as far as they are known, aren't negative. */
  static void requireSizes(Operation op, Dim[] sizes) {
    for (Dim d : sizes) {
      if (d.isKnown() && d.value() < 0) {
        throw op.broken("negative size in " + Arrays.toString(sizes));
      }
    }
  }

  private static Inferred inferTile(Operation op) {
    TensorType x = op.operand(0).tensorType();
    Operands.lists(op, 1);
    Dim[] repeats = op.operand(1).contents();
    if (repeats == null) {
      return Inferred.of(x.withShape(OpaqueDims.shape(op, 0, x.rank())));
    }
    if (repeats.length != x.rank()) {
      throw op.broken(repeats.length + " repeats for a tensor of rank " + x.rank());
    }
    requireSizes(op, repeats);
    List<Dim> out = new ArrayList<>();
    for (int i = 0; i < repeats.length; i++) {
      out.add(x.dim(i).times(repeats[i]));
    }
    return Contents.infer(x.withShape(out), () -> {
      Dim[] c = op.operand(0).contents();
      if (c == null || x.rank() != 1 || c.length == 0) {
        return null;
      }
      Dim[] all = new Dim[(int) out.get(0).value()];
      for (int i = 0; i < all.length; i++) {
        all[i] = c[i % c.length];
      }
      return all;
    });
  }

  private static Tensor tile(Operation op, Tensor x, long[] repeats) {
    if (repeats.length != x.rank()) {
      throw op.broken(repeats.length + " repeats for a tensor of rank " + x.rank());
    }
    long[] from = x.shape();
    long[] shape = x.shape();
    for (int i = 0; i < shape.length; i++) {
      shape[i] = Math.multiplyExact(shape[i], repeats[i]);
    }
    Tensor out = new Tensor(x.element(), shape);
    long[] index = new long[shape.length];
    for (int o = 0; o < out.size(); o++) {
      long linear = 0;
      for (int i = 0; i < shape.length; i++) {
        linear = linear * from[i] + index[i] % from[i];
      }
      out.copy(o, x, (int) linear);
      Strides.advance(index, shape);
    }
    return out;
  }

  private static Tensor triangle(Operation op, Tensor x, Tensor shift) {
    long k = shift == null ? 0 : shift.getLong(0);
    boolean upper = op.intAttribute("upper") != 0;
    int columns = (int) x.dim(-1);
    int rows = (int) x.dim(-2);
    Tensor out = new Tensor(x.element(), x.shape());
    for (int i = 0; i < out.size(); i++) {
      // Compared without adding k to an index: k may be as large as 2^63.
      long diagonal = (long) (i % columns) - i / columns % rows;
      if (upper ? diagonal >= k : diagonal <= k) {
        out.copy(i, x, i);
      }
    }
    return out;
  }
}
