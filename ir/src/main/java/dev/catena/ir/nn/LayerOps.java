package dev.catena.ir.nn;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.QuantType;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Type;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.List;

/** Operations on rows of features that mix nothing between rows: look-up, projections, cuts. */
final class LayerOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      OpDefinition.named("nn.embedding", "Rows of a table by token id: [...] and [vocab, width] give [..., width].")
          .operand("ids").operand("table")
          .attribute("element", Attribute.Element.class, null)
          .traits(Trait.PURE)
          .shape(LayerOps::embeddingShape).meaning(LayerOps::embedding).build(),
      OpDefinition.named("nn.linear", "x · Wᵀ (+ bias): [..., k] and [n, k] give [..., n].")
          .operand("x").operand("weight").optional("bias")
          .traits(Trait.PURE)
          .shape(LayerOps::linearShape).meaning(LayerOps::linear).build(),
      OpDefinition.named("nn.split", "Cuts the last dimension into parts of the given sizes.")
          .operand("x").results("part")
          .attribute("sizes", Attribute.Ints.class)
          .traits(Trait.PURE, Trait.MOVES_DATA)
          .shape(LayerOps::splitShape).meaning(LayerOps::split).build());

  private LayerOps() {}

  static List<Inferred> like(Operation op, int operand) {
    return List.of(Inferred.of(op.operand(operand).tensorType()));
  }

  private static List<Inferred> embeddingShape(Operation op) {
    TensorType ids = op.operand(0).tensorType();
    List<Dim> table = matrixShape(op, op.operand(1));
    ElementType element = op.hasAttribute("element") ? op.elementAttribute("element")
        : op.operand(1).type() instanceof TensorType t ? t.element() : ElementType.F32;
    List<Dim> shape = new ArrayList<>(ids.shape());
    shape.add(table.get(1));
    return List.of(Inferred.of(new TensorType(element, shape)));
  }

  /** The shape of a matrix weight, dense or quantized. */
  static List<Dim> matrixShape(Operation op, Value weight) {
    Type t = weight.type();
    List<Dim> shape = t instanceof QuantType q ? q.shape() : weight.tensorType().shape();
    if (shape.size() != 2) {
      throw op.broken("a matrix is expected, found " + t.text());
    }
    return shape;
  }

  private static List<Inferred> linearShape(Operation op) {
    TensorType x = op.operand(0).tensorType();
    List<Dim> w = matrixShape(op, op.operand(1));
    if (x.rank() == 0 || x.dim(-1).isKnown() && !x.dim(-1).equals(w.get(1))) {
      throw op.broken("rows of " + x.text() + " don't fit a weight of " + op.operand(1).type().text());
    }
    List<Dim> shape = new ArrayList<>(x.shape());
    shape.set(shape.size() - 1, w.get(0));
    return List.of(Inferred.of(x.withShape(shape)));
  }

  private static List<Inferred> splitShape(Operation op) {
    TensorType x = op.operand(0).tensorType();
    long sum = 0;
    List<Inferred> parts = new ArrayList<>();
    for (long size : op.intsAttribute("sizes")) {
      List<Dim> shape = new ArrayList<>(x.shape());
      shape.set(shape.size() - 1, Dim.of(size));
      parts.add(Inferred.of(x.withShape(shape)));
      sum += size;
    }
    if (!x.dim(-1).is(sum)) {
      throw op.broken("sizes add up to " + sum + ", the last dimension is " + x.dim(-1));
    }
    return parts;
  }

  private static List<EvalValue> embedding(Operation op, List<EvalValue> in) {
    Tensor ids = (Tensor) in.get(0);
    Tensor table = (Tensor) in.get(1);
    int width = (int) table.dim(1);
    long[] shape = java.util.Arrays.copyOf(ids.shape(), ids.rank() + 1);
    shape[ids.rank()] = width;
    ElementType element = op.result().tensorType().element();
    Tensor out = new Tensor(element, shape);
    for (int i = 0; i < ids.size(); i++) {
      long id = ids.getLong(i);
      if (id < 0 || id >= table.dim(0)) {
        throw op.broken("token id " + id + " isn't in a vocabulary of " + table.dim(0));
      }
      for (int c = 0; c < width; c++) {
        out.set(i * width + c, table.get((int) id * width + c));
      }
    }
    return List.of(out);
  }

  private static List<EvalValue> linear(Operation op, List<EvalValue> in) {
    return List.of(linear((Tensor) in.get(0), (Tensor) in.get(1), in.size() > 2 ? (Tensor) in.get(2) : null));
  }

  /** x [..., k], w [n, k], bias [n] or null; sums in f64, one rounding to x's type. */
  static Tensor linear(Tensor x, Tensor w, Tensor bias) {
    int k = (int) w.dim(1);
    int n = (int) w.dim(0);
    long[] shape = x.shape();
    shape[shape.length - 1] = n;
    Tensor out = new Tensor(x.element(), shape);
    float[] xs = x.floats();
    float[] ws = w.floats();
    for (int r = 0; r < xs.length / k; r++) {
      for (int j = 0; j < n; j++) {
        double sum = bias == null ? 0 : bias.get(j);
        for (int i = 0; i < k; i++) {
          sum += (double) xs[r * k + i] * ws[j * k + i];
        }
        out.set(r * n + j, sum);
      }
    }
    return out;
  }

  private static List<EvalValue> split(Operation op, List<EvalValue> in) {
    Tensor x = (Tensor) in.get(0);
    int width = (int) x.dim(-1);
    int from = 0;
    List<EvalValue> parts = new ArrayList<>();
    for (long size : op.intsAttribute("sizes")) {
      parts.add(columns(x, width, from, (int) size));
      from += (int) size;
    }
    return parts;
  }

  static Tensor columns(Tensor x, int width, int from, int size) {
    long[] shape = x.shape();
    shape[shape.length - 1] = size;
    Tensor part = new Tensor(x.element(), shape);
    for (int r = 0; r < x.size() / width; r++) {
      for (int c = 0; c < size; c++) {
        part.copy(r * size + c, x, r * width + from + c);
      }
    }
    return part;
  }
}
