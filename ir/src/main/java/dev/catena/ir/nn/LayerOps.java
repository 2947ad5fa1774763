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
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;

/** Operations on rows of features that mix nothing between rows: projections, norms, activations. */
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
      OpDefinition.named("nn.rms_norm",
              "x / sqrt(mean(x²) + eps) · weight over the last dimension, the mean and the quotient in f32 (Zhang 2019).")
          .operand("x").operand("weight")
          .attribute("eps", Attribute.Real.class)
          .traits(Trait.PURE)
          .shape(op -> like(op, 0)).meaning(LayerOps::rmsNorm).build(),
      OpDefinition.named("nn.add", "a + b, equal shapes: the residual.")
          .operand("a").operand("b")
          .traits(Trait.PURE, Trait.COMMUTATIVE, Trait.ELEMENTWISE, Trait.IN_PLACE)
          .shape(LayerOps::sameShapes).meaning((op, in) -> zip(in, (a, b) -> a + b)).build(),
      OpDefinition.named("nn.silu", "x · sigmoid(x).")
          .operand("x")
          .traits(Trait.PURE, Trait.ELEMENTWISE, Trait.IN_PLACE)
          .shape(op -> like(op, 0)).meaning((op, in) -> map(in, LayerOps::silu)).build(),
      OpDefinition.named("nn.swiglu", "silu(gate) · up (Shazeer 2020).")
          .operand("gate").operand("up")
          .traits(Trait.PURE, Trait.ELEMENTWISE)
          .shape(LayerOps::sameShapes).meaning((op, in) -> zip(in, (g, u) -> silu(g) * u)).build(),
      OpDefinition.named("nn.split", "Cuts the last dimension into parts of the given sizes.")
          .operand("x").results("part")
          .attribute("sizes", Attribute.Ints.class)
          .traits(Trait.PURE, Trait.MOVES_DATA)
          .shape(LayerOps::splitShape).meaning(LayerOps::split).build());

  private LayerOps() {}

  static List<Inferred> like(Operation op, int operand) {
    return List.of(Inferred.of(op.operand(operand).tensorType()));
  }

  private static List<Inferred> sameShapes(Operation op) {
    TensorType a = op.operand(0).tensorType();
    TensorType b = op.operand(1).tensorType();
    if (a.element() != b.element() || a.rank() != b.rank() || !a.dim(-1).equals(b.dim(-1))) {
      throw op.broken("operands must have one type, are " + a.text() + " and " + b.text());
    }
    return List.of(Inferred.of(a));
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

  private static List<EvalValue> rmsNorm(Operation op, List<EvalValue> in) {
    return List.of(rmsNorm((Tensor) in.get(0), (Tensor) in.get(1), op.realAttribute("eps")));
  }

  static Tensor rmsNorm(Tensor x, Tensor w, double eps) {
    int width = (int) x.dim(-1);
    Tensor out = new Tensor(x.element(), x.shape());
    for (int r = 0; r < x.size() / width; r++) {
      double squares = 0;
      for (int i = 0; i < width; i++) {
        squares += x.get(r * width + i) * x.get(r * width + i);
      }
      double factor = 1 / Math.sqrt(squares / width + eps);
      for (int i = 0; i < width; i++) {
        out.set(r * width + i, x.get(r * width + i) * factor); // rounded to x's type, as exporters do
        out.set(r * width + i, out.get(r * width + i) * w.get(i));
      }
    }
    return out;
  }

  static double silu(double x) {
    return x / (1 + Math.exp(-x));
  }

  private static List<EvalValue> map(List<EvalValue> in, DoubleUnaryOperator f) {
    Tensor x = (Tensor) in.get(0);
    Tensor out = new Tensor(x.element(), x.shape());
    for (int i = 0; i < x.size(); i++) {
      out.set(i, f.applyAsDouble(x.get(i)));
    }
    return List.of(out);
  }

  static List<EvalValue> zip(List<EvalValue> in, DoubleBinaryOperator f) {
    Tensor a = (Tensor) in.get(0);
    Tensor b = (Tensor) in.get(1);
    Tensor out = new Tensor(a.element(), a.shape());
    for (int i = 0; i < a.size(); i++) {
      out.set(i, f.applyAsDouble(a.get(i), b.get(i)));
    }
    return List.of(out);
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
