package dev.catena.ir.nn;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import java.util.List;

/**
 * Norms. The last dimension is normalized in parts as wide as the weight: all of it at once as a rule, head by head where
 * queries and keys are.
 */
final class NormOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      OpDefinition.named("nn.rms_norm",
              "x / sqrt(mean(x²) + eps) · weight over each part of the last dimension as wide as the weight, the mean and "
                  + "the quotient in f32 (Zhang 2019).")
          .operand("x").operand("weight")
          .attribute("eps", Attribute.Real.class)
          .traits(Trait.PURE)
          .shape(NormOps::shape)
          .meaning((op, in) -> List.of(norm(op, (Tensor) in.get(0), (Tensor) in.get(1), null, 1, false))).build(),
      OpDefinition.named("nn.layer_norm",
              "(x − mean(x)) / sqrt(variance(x) + eps) · weight + bias over each part of the last dimension as wide as the "
                  + "weight, in f32 (Ba 2016). With `parts` > 1 weight and bias hold the numbers of so many parts, one after the other, "
                  + "and each part is normalized by itself.")
          .operand("x").operand("weight").optional("bias")
          .attribute("eps", Attribute.Real.class)
          .attribute("parts", Attribute.Int.class, Attribute.of(1))
          .traits(Trait.PURE)
          .shape(NormOps::shape)
          .meaning((op, in) -> List.of(norm(op, (Tensor) in.get(0), (Tensor) in.get(1),
              in.size() > 2 ? (Tensor) in.get(2) : null, op.intAttribute("parts"), true))).build());

  private NormOps() {}

  private static List<Inferred> shape(Operation op) {
    TensorType x = op.operand(0).tensorType();
    for (int i = 1; i < op.operands().size(); i++) {
      TensorType vector = op.operand(i) == null ? null : op.operand(i).tensorType();
      if (vector != null && (vector.rank() != 1 || !vector.dim(0).equals(op.operand(1).tensorType().dim(0)))) {
        throw op.broken("a norm of " + op.operand(1).tensorType().text() + " doesn't fit a vector " + vector.text());
      }
    }
    Dim part = op.operand(1).tensorType().dim(0);
    long parts = op.hasAttribute("parts") ? op.intAttribute("parts") : 1;
    if (parts < 1 || part.isKnown() && part.value() % parts != 0) {
      throw op.broken("a weight of " + part + " can't be that of " + parts + " parts");
    }
    if (x.rank() == 0 || x.dim(-1).isKnown() && part.isKnown() && (part.value() < 1 || x.dim(-1).value() % part.value() != 0)) {
      throw op.broken("rows of " + x.text() + " can't be normalized in parts of " + part);
    }
    return List.of(Inferred.of(x));
  }

  /**
   * Statistics in f64; each step is rounded to x's type, as exporters do.
   *
   * @param parts that have numbers of their own in {@code w} and {@code bias}
   */
  private static Tensor norm(Operation op, Tensor x, Tensor w, Tensor bias, long parts, boolean centred) {
    int vector = (int) w.dim(0);
    int width = (int) (vector / parts);
    Tensor out = new Tensor(x.element(), x.shape());
    for (int at = 0; at < x.size(); at += width) {
      double mean = 0;
      for (int i = 0; centred && i < width; i++) {
        mean += x.get(at + i) / width;
      }
      double squares = 0;
      for (int i = 0; i < width; i++) {
        squares += (x.get(at + i) - mean) * (x.get(at + i) - mean);
      }
      double factor = 1 / Math.sqrt(squares / width + op.realAttribute("eps"));
      for (int i = 0; i < width; i++) {
        out.set(at + i, (x.get(at + i) - mean) * factor);
        out.set(at + i, out.get(at + i) * w.get((at + i) % vector));
        if (bias != null) {
          out.set(at + i, out.get(at + i) + bias.get((at + i) % vector));
        }
      }
    }
    return out;
  }
}
