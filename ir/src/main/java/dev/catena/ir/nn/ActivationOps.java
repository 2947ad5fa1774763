package dev.catena.ir.nn;

import dev.catena.ir.Attribute;
import dev.catena.ir.EvalValue;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.onnx.Scalars;
import java.util.List;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;

/** Functions of each element: residual additions, activation functions and their gated forms. */
final class ActivationOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      of("nn.add", "a + b, equal shapes: the residual.", "a", "b")
          .traits(Trait.PURE, Trait.COMMUTATIVE, Trait.ELEMENTWISE, Trait.IN_PLACE)
          .meaning((op, in) -> zip(in, (a, b) -> a + b)).build(),
      of("nn.mul", "a · b, equal shapes: an activation times what it gates.", "a", "b")
          .traits(Trait.PURE, Trait.COMMUTATIVE, Trait.ELEMENTWISE, Trait.IN_PLACE)
          .meaning((op, in) -> zip(in, (a, b) -> a * b)).build(),
      unary("nn.silu", "x · sigmoid(x).")
          .meaning((op, in) -> map(in, ActivationOps::silu)).build(),
      unary("nn.swish", "x · sigmoid(factor · x).").attribute("factor", Attribute.Real.class)
          .meaning((op, in) -> map(in, x -> x / (1 + Math.exp(-op.realAttribute("factor") * x)))).build(),
      unary("nn.gelu", "x times the normal distribution function (Hendrycks 2016).")
          .meaning((op, in) -> map(in, ActivationOps::gelu)).build(),
      unary("nn.gelu_tanh", "The same by tanh: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³))).")
          .meaning((op, in) -> map(in, ActivationOps::geluTanh)).build(),
      unary("nn.relu", "max(x, 0).")
          .meaning((op, in) -> map(in, x -> x > 0 || Double.isNaN(x) ? x : 0)).build(),
      unary("nn.scale", "factor · x.").attribute("factor", Attribute.Real.class)
          .meaning((op, in) -> map(in, x -> x * op.realAttribute("factor"))).build(),
      unary("nn.softcap", "cap · tanh(x / cap): held within the cap (Gemma 2).").attribute("cap", Attribute.Real.class)
          .meaning((op, in) -> map(in, x -> softcap(x, op.realAttribute("cap")))).build(),
      of("nn.swiglu", "silu(gate) · up (Shazeer 2020).", "gate", "up")
          .traits(Trait.PURE, Trait.ELEMENTWISE)
          .meaning((op, in) -> zip(in, (g, u) -> silu(g) * u)).build(),
      of("nn.geglu", "gelu(gate) · up (Shazeer 2020).", "gate", "up")
          .traits(Trait.PURE, Trait.ELEMENTWISE)
          .meaning((op, in) -> zip(in, (g, u) -> gelu(g) * u)).build(),
      of("nn.geglu_tanh", "gelu_tanh(gate) · up.", "gate", "up")
          .traits(Trait.PURE, Trait.ELEMENTWISE)
          .meaning((op, in) -> zip(in, (g, u) -> geluTanh(g) * u)).build());

  private ActivationOps() {}

  private static OpDefinition.Builder unary(String name, String doc) {
    return OpDefinition.named(name, doc).operand("x").traits(Trait.PURE, Trait.ELEMENTWISE, Trait.IN_PLACE)
        .shape(op -> LayerOps.like(op, 0));
  }

  private static OpDefinition.Builder of(String name, String doc, String first, String second) {
    return OpDefinition.named(name, doc).operand(first).operand(second).shape(ActivationOps::sameShapes);
  }

  private static List<Inferred> sameShapes(Operation op) {
    TensorType a = op.operand(0).tensorType();
    TensorType b = op.operand(1).tensorType();
    if (a.element() != b.element() || a.rank() != b.rank() || !a.dim(-1).equals(b.dim(-1))) {
      throw op.broken("operands must have one type, are " + a.text() + " and " + b.text());
    }
    return List.of(Inferred.of(a));
  }

  private static double silu(double x) {
    return x / (1 + Math.exp(-x));
  }

  private static double gelu(double x) {
    return 0.5 * x * (1 + Scalars.erf(x / Math.sqrt(2)));
  }

  private static double geluTanh(double x) {
    return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
  }

  static double softcap(double x, double cap) {
    return cap * Math.tanh(x / cap);
  }

  private static List<EvalValue> map(List<EvalValue> in, DoubleUnaryOperator f) {
    Tensor x = (Tensor) in.get(0);
    Tensor out = new Tensor(x.element(), x.shape());
    for (int i = 0; i < x.size(); i++) {
      out.set(i, f.applyAsDouble(x.get(i)));
    }
    return List.of(out);
  }

  private static List<EvalValue> zip(List<EvalValue> in, DoubleBinaryOperator f) {
    Tensor a = (Tensor) in.get(0);
    Tensor b = (Tensor) in.get(1);
    Tensor out = new Tensor(a.element(), a.shape());
    for (int i = 0; i < a.size(); i++) {
      out.set(i, f.applyAsDouble(a.get(i), b.get(i)));
    }
    return List.of(out);
  }
}
