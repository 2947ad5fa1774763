package dev.catena.ir.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Operations that read or write at places named by a tensor of indices; a negative index counts from the end. */
final class IndexingOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      OpDefinition.named("onnx.Gather", "The slices of data along axis that indices name.").operand("data")
          .operand("indices").attribute("axis", Attribute.Int.class, Attribute.of(0))
          .traits(Trait.PURE, Trait.MOVES_DATA)
          .shape(op -> List.of(inferGather(op)))
          .meaning((op, in) -> List.of(gather(op, (Tensor) in.get(0), (Tensor) in.get(1)))).build(),
      OpDefinition.named("onnx.GatherElements", "Each element of data that stands at its index along axis.")
          .operand("data").operand("indices").attribute("axis", Attribute.Int.class, Attribute.of(0))
          .traits(Trait.PURE, Trait.MOVES_DATA)
          .shape(op -> {
            TensorType data = op.operand(0).tensorType();
            TensorType indices = op.operand(1).tensorType();
            if (data.rank() != indices.rank()) {
              throw op.broken("data of rank " + data.rank() + ", indices of rank " + indices.rank());
            }
            Axes.attribute(op, data.rank());
            Operands.integers(op, 1);
            return List.of(Inferred.of(indices.withElement(data.element())));
          })
          .meaning((op, in) -> List.of(gatherElements(op, (Tensor) in.get(0), (Tensor) in.get(1)))).build(),
      OpDefinition.named("onnx.GatherND", "The slices of data that the tuples in indices' last axis name.")
          .operand("data").operand("indices").attribute("batch_dims", Attribute.Int.class, Attribute.of(0))
          .traits(Trait.PURE, Trait.MOVES_DATA)
          .shape(op -> List.of(inferGatherNd(op)))
          .meaning((op, in) -> List.of(gatherNd(op, (Tensor) in.get(0), (Tensor) in.get(1)))).build(),
      OpDefinition.named("onnx.ScatterND", "data with updates written at the tuples in indices' last axis.")
          .operand("data").operand("indices").operand("updates")
          .attribute("reduction", Attribute.Text.class, Attribute.of("none")).traits(Trait.PURE)
          .shape(op -> List.of(inferScatterNd(op)))
          .meaning((op, in) -> List.of(scatterNd(op, (Tensor) in.get(0), (Tensor) in.get(1), (Tensor) in.get(2)))).build(),
      OpDefinition.named("onnx.ScatterElements", "data with each element of updates written at its index along axis.")
          .operand("data").operand("indices").operand("updates").attribute("axis", Attribute.Int.class, Attribute.of(0))
          .attribute("reduction", Attribute.Text.class, Attribute.of("none")).traits(Trait.PURE)
          .shape(op -> List.of(inferScatterElements(op)))
          .meaning((op, in) -> List.of(
              scatterElements(op, (Tensor) in.get(0), (Tensor) in.get(1), (Tensor) in.get(2)))).build());

  private IndexingOps() {}

  /** {@code index} into a dimension of {@code dim}, counted from its start. */
  static int place(Operation op, long index, long dim) {
    if (index < -dim || index >= dim) {
      throw op.broken("index " + index + " into a dimension of " + dim);
    }
    return (int) (index < 0 ? index + dim : index);
  }

  private static Inferred inferGather(Operation op) {
    TensorType data = op.operand(0).tensorType();
    TensorType indices = op.operand(1).tensorType();
    Operands.integers(op, 1);
    int axis = Axes.attribute(op, data.rank());
    List<Dim> out = new ArrayList<>(data.shape().subList(0, axis));
    out.addAll(indices.shape());
    out.addAll(data.shape().subList(axis + 1, data.rank()));
    return Contents.infer(data.withShape(out), () -> {
      Dim[] c = op.operand(0).contents();
      long[] at = Contents.known(op.operand(1));
      if (c == null || at == null || data.rank() != 1) {
        return null;
      }
      Dim[] picked = new Dim[at.length];
      for (int i = 0; i < at.length; i++) {
        picked[i] = c[place(op, at[i], c.length)];
      }
      return picked;
    });
  }

  private static Tensor gather(Operation op, Tensor data, Tensor indices) {
    int axis = Axes.attribute(op, data.rank());
    long[] shape = new long[data.rank() - 1 + indices.rank()];
    System.arraycopy(data.shape(), 0, shape, 0, axis);
    System.arraycopy(indices.shape(), 0, shape, axis, indices.rank());
    System.arraycopy(data.shape(), axis + 1, shape, axis + indices.rank(), data.rank() - axis - 1);
    Tensor out = new Tensor(data.element(), shape);
    int outer = Strides.count(data.shape(), 0, axis);
    int inner = Strides.count(data.shape(), axis + 1, data.rank());
    int dim = (int) data.dim(axis);
    int at = 0;
    for (int o = 0; o < outer; o++) {
      for (int i = 0; i < indices.size(); i++) {
        int from = (o * dim + place(op, indices.getLong(i), dim)) * inner;
        for (int j = 0; j < inner; j++) {
          out.copy(at++, data, from + j);
        }
      }
    }
    return out;
  }

  /** The element of {@code data} at {@code index}, but along {@code axis} at {@code instead}. */
  private static int linear(Operation op, Tensor data, long[] index, int axis, long instead) {
    long linear = 0;
    for (int i = 0; i < index.length; i++) {
      linear = linear * data.dim(i) + place(op, i == axis ? instead : index[i], data.dim(i));
    }
    return (int) linear;
  }

  private static Tensor gatherElements(Operation op, Tensor data, Tensor indices) {
    int axis = Axes.attribute(op, data.rank());
    long[] shape = indices.shape();
    Tensor out = new Tensor(data.element(), shape);
    long[] index = new long[shape.length];
    for (int i = 0; i < out.size(); i++) {
      out.copy(i, data, linear(op, data, index, axis, indices.getLong(i)));
      Strides.advance(index, shape);
    }
    return out;
  }

  private static Tensor scatterElements(Operation op, Tensor data, Tensor indices, Tensor updates) {
    int axis = Axes.attribute(op, data.rank());
    if (!Arrays.equals(indices.shape(), updates.shape()) || indices.rank() != data.rank()) {
      throw op.broken("indices " + Arrays.toString(indices.shape()) + ", updates " + Arrays.toString(updates.shape()));
    }
    Tensor out = copy(data);
    long[] shape = indices.shape();
    long[] index = new long[shape.length];
    for (int i = 0; i < indices.size(); i++) {
      write(op, out, linear(op, data, index, axis, indices.getLong(i)), updates, i);
      Strides.advance(index, shape);
    }
    return out;
  }

  private static void requireScattering(Operation op) {
    Operands.integers(op, 1);
    TensorType data = op.operand(0).tensorType();
    TensorType updates = op.operand(2).tensorType();
    if (data.element() != updates.element()) {
      throw op.broken("updates of type " + updates.text() + " into " + data.text());
    }
  }

  private static Inferred inferScatterElements(Operation op) {
    requireScattering(op);
    TensorType data = op.operand(0).tensorType();
    TensorType indices = op.operand(1).tensorType();
    Axes.attribute(op, data.rank());
    if (indices.rank() != data.rank() || op.operand(2).tensorType().rank() != data.rank()) {
      throw op.broken("indices " + indices.text() + " and updates " + op.operand(2).type().text() + " for " + data.text());
    }
    return Inferred.of(data);
  }

  private static Inferred inferScatterNd(Operation op) {
    requireScattering(op);
    TensorType data = op.operand(0).tensorType();
    TensorType indices = op.operand(1).tensorType();
    if (indices.rank() == 0 || indices.dim(-1).isKnown() && indices.dim(-1).value() > data.rank()) {
      throw op.broken("indices " + indices.text() + " into " + data.text());
    }
    return Inferred.of(data);
  }

  private static Inferred inferGatherNd(Operation op) {
    TensorType data = op.operand(0).tensorType();
    TensorType indices = op.operand(1).tensorType();
    int batch = (int) op.intAttribute("batch_dims");
    Operands.integers(op, 1);
    if (indices.rank() == 0 || !indices.dim(-1).isKnown()) {
      throw op.broken("the length of an index tuple isn't known: " + indices.text());
    }
    long tuple = indices.dim(-1).value();
    if (batch < 0 || batch >= indices.rank() || batch + tuple > data.rank()) {
      throw op.broken("index tuples of " + tuple + " after " + batch + " batch axes into " + data.text());
    }
    List<Dim> out = new ArrayList<>(indices.shape().subList(0, indices.rank() - 1));
    out.addAll(data.shape().subList(batch + (int) tuple, data.rank()));
    return Inferred.of(data.withShape(out));
  }

  /** Where the slice named by tuple {@code t} begins; {@code batch} leading axes are taken from the tuple's own place. */
  private static int slice(Operation op, Tensor data, Tensor indices, int t, int batch, int batchIndex) {
    int tuple = (int) indices.dim(-1);
    long linear = batchIndex;
    for (int i = 0; i < tuple; i++) {
      linear = linear * data.dim(batch + i) + place(op, indices.getLong(t * tuple + i), data.dim(batch + i));
    }
    return (int) linear * Strides.count(data.shape(), batch + tuple, data.rank());
  }

  private static Tensor gatherNd(Operation op, Tensor data, Tensor indices) {
    int batch = (int) op.intAttribute("batch_dims");
    int tuple = (int) indices.dim(-1);
    int inner = Strides.count(data.shape(), batch + tuple, data.rank());
    long[] shape = new long[indices.rank() - 1 + data.rank() - batch - tuple];
    System.arraycopy(indices.shape(), 0, shape, 0, indices.rank() - 1);
    System.arraycopy(data.shape(), batch + tuple, shape, indices.rank() - 1, data.rank() - batch - tuple);
    Tensor out = new Tensor(data.element(), shape);
    int tuples = Strides.count(indices.shape(), 0, indices.rank() - 1);
    int perBatch = Strides.count(indices.shape(), batch, indices.rank() - 1);
    for (int t = 0; t < tuples; t++) {
      int from = slice(op, data, indices, t, batch, t / Math.max(1, perBatch));
      for (int i = 0; i < inner; i++) {
        out.copy(t * inner + i, data, from + i);
      }
    }
    return out;
  }

  private static Tensor scatterNd(Operation op, Tensor data, Tensor indices, Tensor updates) {
    int tuple = (int) indices.dim(-1);
    if (tuple > data.rank()) {
      throw op.broken("index tuples of " + tuple + " into a tensor of rank " + data.rank());
    }
    int inner = Strides.count(data.shape(), tuple, data.rank());
    int tuples = Strides.count(indices.shape(), 0, indices.rank() - 1);
    if (updates.size() != (long) tuples * inner) {
      throw op.broken("updates " + Arrays.toString(updates.shape()) + " for indices " + Arrays.toString(indices.shape()));
    }
    Tensor out = copy(data);
    for (int t = 0; t < tuples; t++) {
      int to = slice(op, data, indices, t, 0, 0);
      for (int i = 0; i < inner; i++) {
        write(op, out, to + i, updates, t * inner + i);
      }
    }
    return out;
  }

  private static Tensor copy(Tensor t) {
    Tensor out = new Tensor(t.element(), t.shape());
    for (int i = 0; i < out.size(); i++) {
      out.copy(i, t, i);
    }
    return out;
  }

  private static void write(Operation op, Tensor out, int to, Tensor updates, int from) {
    String reduction = op.textAttribute("reduction");
    boolean reals = out.element().isFloat();
    switch (reduction) {
      case "none" -> out.copy(to, updates, from);
      case "add" -> {
        if (reals) {
          out.set(to, out.get(to) + updates.get(from));
        } else {
          out.setLong(to, out.getLong(to) + updates.getLong(from));
        }
      }
      case "mul" -> {
        if (reals) {
          out.set(to, out.get(to) * updates.get(from));
        } else {
          out.setLong(to, out.getLong(to) * updates.getLong(from));
        }
      }
      case "max", "min" -> {
        boolean max = reduction.equals("max");
        if (reals) {
          out.set(to, max ? Math.max(out.get(to), updates.get(from)) : Math.min(out.get(to), updates.get(from)));
        } else {
          out.setLong(to, max ? Scalars.max(out.element(), out.getLong(to), updates.getLong(from))
              : Scalars.min(out.element(), out.getLong(to), updates.getLong(from)));
        }
      }
      default -> throw op.broken("reduction = " + reduction);
    }
  }
}
