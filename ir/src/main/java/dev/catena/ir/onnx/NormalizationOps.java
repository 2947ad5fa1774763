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

/** Softmax and the norms: each row is divided by something computed from the whole row. */
final class NormalizationOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      OpDefinition.named("onnx.Softmax", "exp(x) over its sum along axis.").operand("x")
          .attribute("axis", Attribute.Int.class, Attribute.of(-1)).traits(Trait.PURE, Trait.IN_PLACE)
          .shape(op -> List.of(sameShape(op)))
          .meaning((op, in) -> List.of(softmax(op, (Tensor) in.get(0), false))).build(),
      OpDefinition.named("onnx.LogSoftmax", "The logarithm of softmax along axis.").operand("x")
          .attribute("axis", Attribute.Int.class, Attribute.of(-1)).traits(Trait.PURE, Trait.IN_PLACE)
          .shape(op -> List.of(sameShape(op)))
          .meaning((op, in) -> List.of(softmax(op, (Tensor) in.get(0), true))).build(),
      OpDefinition.named("onnx.LayerNormalization",
              "(x - mean) / sqrt(variance + epsilon) * scale + bias over the axes from axis on; mean and 1 / deviation.")
          .operand("x").operand("scale").optional("bias").result("y").result("mean").result("inv_std_dev")
          .attribute("axis", Attribute.Int.class, Attribute.of(-1))
          .attribute("epsilon", Attribute.Real.class, Attribute.of(1e-5))
          .attribute("stash_type", Attribute.Int.class, Attribute.of(1)).traits(Trait.PURE)
          .shape(op -> inferNorm(op, 2))
          .meaning((op, in) -> normalize(op, in, true)).build(),
      OpDefinition.named("onnx.RMSNormalization", "x / sqrt(mean(x * x) + epsilon) * scale over the axes from axis on.")
          .operand("x").operand("scale").result("y")
          .attribute("axis", Attribute.Int.class, Attribute.of(-1))
          .attribute("epsilon", Attribute.Real.class, Attribute.of(1e-5))
          .attribute("stash_type", Attribute.Int.class, Attribute.of(1)).traits(Trait.PURE)
          .shape(op -> inferNorm(op, 0))
          .meaning((op, in) -> normalize(op, in, false)).build(),
      OpDefinition.named("onnx.SimplifiedLayerNormalization",
              "RMSNormalization as ONNX Runtime writes it, in ONNX's own domain; also 1 / deviation.")
          .operand("x").operand("scale").result("y").result("inv_std_dev")
          .attribute("axis", Attribute.Int.class, Attribute.of(-1))
          .attribute("epsilon", Attribute.Real.class, Attribute.of(1e-5))
          .attribute("stash_type", Attribute.Int.class, Attribute.of(1)).traits(Trait.PURE)
          .shape(op -> inferNorm(op, 1))
          .meaning((op, in) -> normalize(op, in, false)).build());

  private NormalizationOps() {}

  private static Inferred sameShape(Operation op) {
    TensorType x = op.operand(0).tensorType();
    Operands.reals(op);
    Axes.attribute(op, x.rank());
    return Inferred.of(x);
  }

  private static Tensor softmax(Operation op, Tensor x, boolean logarithm) {
    Rows rows = Rows.along(x, Axes.attribute(op, x.rank()));
    Tensor out = new Tensor(x.element(), x.shape());
    for (int r = 0; r < rows.count(); r++) {
      double max = Double.NEGATIVE_INFINITY;
      for (int i = 0; i < rows.length(); i++) {
        max = Math.max(max, x.get(rows.at(r, i)));
      }
      double sum = 0;
      for (int i = 0; i < rows.length(); i++) {
        sum += Math.exp(x.get(rows.at(r, i)) - max);
      }
      for (int i = 0; i < rows.length(); i++) {
        double shifted = x.get(rows.at(r, i)) - max;
        out.set(rows.at(r, i), logarithm ? shifted - Math.log(sum) : Math.exp(shifted) / sum);
      }
    }
    return out;
  }

  private static List<Inferred> inferNorm(Operation op, int statistics) {
    TensorType x = op.operand(0).tensorType();
    int axis = Axes.attribute(op, x.rank());
    Operands.reals(op);
    Broadcasting.requireFits(op, op.operand(1).tensorType().shape(), x.shape());
    if (op.operand(2) != null) {
      Broadcasting.requireFits(op, op.operand(2).tensorType().shape(), x.shape());
    }
    List<Dim> reduced = new ArrayList<>(x.shape());
    for (int i = axis; i < x.rank(); i++) {
      reduced.set(i, Dim.of(1));
    }
    List<Inferred> out = new ArrayList<>();
    out.add(Inferred.of(x.withElement(op.operand(1).tensorType().element())));
    for (int i = 0; i < statistics; i++) {
      out.add(Inferred.of(new TensorType(stash(op), reduced)));
    }
    return out;
  }

  /** The type that the statistics are kept in: f32, or with stash_type 16 bf16. */
  private static ElementType stash(Operation op) {
    return op.intAttribute("stash_type") == 16 ? ElementType.BF16 : ElementType.F32;
  }

  private static List<EvalValue> normalize(Operation op, List<EvalValue> in, boolean centred) {
    Tensor x = (Tensor) in.get(0);
    Tensor scale = (Tensor) in.get(1);
    Tensor bias = in.size() > 2 ? (Tensor) in.get(2) : null;
    int axis = Axes.attribute(op, x.rank());
    double epsilon = (float) op.realAttribute("epsilon");
    int rows = Strides.count(x.shape(), 0, axis);
    int width = Strides.count(x.shape(), axis, x.rank());
    int[] fromScale = Broadcasting.indices(scale.shape(), x.shape());
    int[] fromBias = bias == null ? null : Broadcasting.indices(bias.shape(), x.shape());
    long[] reduced = x.shape();
    for (int i = axis; i < reduced.length; i++) {
      reduced[i] = 1;
    }
    Tensor y = new Tensor(scale.element(), x.shape());
    Tensor means = new Tensor(stash(op), reduced);
    Tensor inverses = new Tensor(stash(op), reduced);
    for (int r = 0; r < rows; r++) {
      double mean = 0;
      for (int i = 0; centred && i < width; i++) {
        mean += x.get(r * width + i) / width;
      }
      double squares = 0;
      for (int i = 0; i < width; i++) {
        double d = x.get(r * width + i) - mean;
        squares += d * d / width;
      }
      double inverse = 1 / Math.sqrt(squares + epsilon);
      means.set(r, mean);
      inverses.set(r, inverse);
      for (int i = 0; i < width; i++) {
        int at = r * width + i;
        // The standard rounds the normalized value to x's type before it is scaled.
        double normalized = Scalars.round((x.get(at) - mean) * inverse, x.element());
        y.set(at, normalized * scale.get(fromScale[at]) + (bias == null ? 0 : bias.get(fromBias[at])));
      }
    }
    return centred ? List.of(y, means, inverses) : List.of(y, inverses);
  }
}
