package dev.catena.ir.onnx;

import static dev.catena.ir.onnx.Elementwise.binary;
import static dev.catena.ir.onnx.Elementwise.unary;
import static dev.catena.ir.onnx.Elementwise.variadic;

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
import dev.catena.ir.Value;
import java.util.List;

/** Arithmetic and activation functions, element by element. Reals are computed in f64 and rounded once. */
final class ElementwiseOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      binary("Add", "a + b.", (a, b) -> a + b, (e, a, b) -> a + b, Dim::plus, Trait.COMMUTATIVE).build(),
      binary("Sub", "a - b.", (a, b) -> a - b, (e, a, b) -> a - b, Dim::minus).build(),
      binary("Mul", "a * b.", (a, b) -> a * b, (e, a, b) -> a * b, Dim::times, Trait.COMMUTATIVE).build(),
      binary("Div", "a / b; integers are truncated toward zero.", (a, b) -> a / b, ElementwiseOps::quotient,
          ElementwiseOps::quotient).build(),
      OpDefinition.named("onnx.Mod", "The remainder of a / b: with b's sign, or (fmod = 1) with a's.")
          .operand("a").operand("b").attribute("fmod", Attribute.Int.class, Attribute.of(0))
          .traits(Trait.PURE, Trait.ELEMENTWISE)
          .shape(op -> List.of(Inferred.of(broadcast(op, Elementwise.sameElement(op)))))
          .meaning((op, in) -> List.of(remainder(op, in))).build(),
      OpDefinition.named("onnx.Pow", "a to the power of b, in a's type.").operand("a").operand("b")
          .traits(Trait.PURE, Trait.ELEMENTWISE)
          .shape(op -> List.of(Inferred.of(broadcast(op, op.operand(0).tensorType().element()))))
          .meaning((op, in) -> List.of(power(op, (Tensor) in.get(0), (Tensor) in.get(1)))).build(),
      OpDefinition.named("onnx.Neg", "-x.").operand("x").traits(Trait.PURE, Trait.ELEMENTWISE, Trait.IN_PLACE)
          .shape(op -> List.of(negated(op)))
          .meaning((op, in) -> List.of(Elementwise.map(op, (Tensor) in.get(0), a -> -a, (e, a) -> -a))).build(),
      unary("Abs", "|x|.", Math::abs, (e, a) -> Scalars.isUnsigned(e) ? a : Math.abs(a)).build(),
      unary("Sign", "-1, 0 or 1.", Math::signum, (e, a) -> Scalars.isUnsigned(e) ? (a == 0 ? 0 : 1) : Long.signum(a)).build(),
      unary("Sqrt", "The square root.", Math::sqrt, null).build(),
      unary("Reciprocal", "1 / x.", a -> 1 / a, null).build(),
      unary("Exp", "e to the power of x.", Math::exp, null).build(),
      unary("Log", "The natural logarithm.", Math::log, null).build(),
      unary("Erf", "The error function.", Scalars::erf, null).build(),
      unary("Sigmoid", "1 / (1 + exp(-x)).", Scalars::sigmoid, null).build(),
      unary("Softplus", "log(1 + exp(x)).", a -> Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a))), null).build(),
      unary("Tanh", "The hyperbolic tangent.", Math::tanh, null).build(),
      unary("Sin", "The sine.", Math::sin, null).build(),
      unary("Cos", "The cosine.", Math::cos, null).build(),
      unary("Tan", "The tangent.", Math::tan, null).build(),
      unary("Asin", "The angle of a sine.", Math::asin, null).build(),
      unary("Acos", "The angle of a cosine.", Math::acos, null).build(),
      unary("Atan", "The angle of a tangent.", Math::atan, null).build(),
      unary("Sinh", "The hyperbolic sine.", Math::sinh, null).build(),
      unary("Cosh", "The hyperbolic cosine.", Math::cosh, null).build(),
      unary("Asinh", "The inverse of the hyperbolic sine.", Scalars::asinh, null).build(),
      unary("Acosh", "The inverse of the hyperbolic cosine.", a -> Math.log(a + Math.sqrt(a * a - 1)), null).build(),
      unary("Atanh", "The inverse of the hyperbolic tangent.", a -> 0.5 * Math.log((1 + a) / (1 - a)), null).build(),
      unary("Relu", "max(x, 0).", a -> a < 0 ? 0 : a, (e, a) -> Scalars.isUnsigned(e) ? a : Math.max(a, 0)).build(),
      OpDefinition.named("onnx.Gelu", "x times the normal distribution function, exactly or by tanh.").operand("x")
          .attribute("approximate", Attribute.Text.class, Attribute.of("none"))
          .traits(Trait.PURE, Trait.ELEMENTWISE, Trait.IN_PLACE)
          .shape(op -> List.of(Inferred.of(op.operand(0).tensorType())))
          .meaning((op, in) -> List.of(gelu(op, (Tensor) in.get(0)))).build(),
      OpDefinition.named("onnx.Swish", "x times sigmoid(alpha · x).").operand("x")
          .attribute("alpha", Attribute.Real.class, Attribute.of(1.0))
          .traits(Trait.PURE, Trait.ELEMENTWISE, Trait.IN_PLACE)
          .shape(op -> List.of(Inferred.of(op.operand(0).tensorType())))
          .meaning((op, in) -> List.of(swish(op, (Tensor) in.get(0)))).build(),
      unary("Floor", "The largest integer not above x.", Math::floor, null).build(),
      unary("Ceil", "The smallest integer not below x.", Math::ceil, null).build(),
      unary("Round", "The nearest integer, halves to even.", Math::rint, null).build(),
      variadic("Max", "The largest of the operands.", Math::max, Scalars::max, Dim::max).build(),
      variadic("Min", "The smallest of the operands.", Math::min, Scalars::min, Dim::min).build(),
      variadic("Sum", "The sum of the operands.", Double::sum, (e, a, b) -> a + b, Dim::plus).build(),
      OpDefinition.named("onnx.Clip", "x held between min and max.").operand("x").optional("min").optional("max")
          .traits(Trait.PURE, Trait.ELEMENTWISE, Trait.IN_PLACE)
          .shape(op -> {
            Elementwise.sameElement(op);
            Operands.single(op, 1, 2);
            return List.of(Inferred.of(op.operand(0).tensorType()));
          })
          .meaning((op, in) -> List.of(clip(op, in))).build());

  private ElementwiseOps() {}

  private static TensorType broadcast(Operation op, ElementType element) {
    return new TensorType(element, Broadcasting.shape(op, op.operand(0).tensorType().shape(),
        op.operand(1).tensorType().shape()));
  }

  private static long quotient(ElementType e, long a, long b) {
    if (b == 0) {
      return 0; // ONNX leaves it undefined; a folding compiler must not die of it
    }
    return e == ElementType.U64 ? Long.divideUnsigned(a, b) : a / b;
  }

  private static Dim quotient(Dim a, Dim b) {
    if (b.is(0)) {
      return null;
    }
    if (a.isKnown() && b.isKnown()) {
      return Dim.of(a.value() / b.value());
    }
    // Truncation and floor agree where nothing is negative.
    return a.isAtLeast(Dim.of(0)) && b.isAtLeast(Dim.of(0)) ? a.dividedBy(b) : null;
  }

  private static Tensor remainder(Operation op, List<EvalValue> in) {
    boolean signOfDividend = op.intAttribute("fmod") != 0;
    return Elementwise.combine(op, (Tensor) in.get(0), (Tensor) in.get(1),
        (a, b) -> signOfDividend ? a % b : a - Math.floor(a / b) * b,
        (e, a, b) -> b == 0 ? 0 : e == ElementType.U64 ? Long.remainderUnsigned(a, b)
            : signOfDividend ? a % b : Math.floorMod(a, b));
  }

  private static Tensor power(Operation op, Tensor base, Tensor exponent) {
    // The exponent may have a type of its own.
    if (!base.element().isFloat() && !exponent.element().isFloat()) {
      return Elementwise.combine(op, base, exponent, null, (e, a, b) -> power(a, b));
    }
    Tensor wide = base.element().isFloat() ? base : base.cast(ElementType.F64);
    Tensor out = Elementwise.combine(op, wide, exponent, Math::pow, null);
    return out.cast(base.element());
  }

  /** By squaring, modulo 2^64; of negative exponents the part before the point. */
  private static long power(long base, long exponent) {
    if (exponent < 0) {
      return base == 1 ? 1 : base == -1 ? exponent % 2 == 0 ? 1 : -1 : 0;
    }
    long result = 1;
    for (long square = base, left = exponent; left != 0; left >>>= 1, square *= square) {
      result *= (left & 1) != 0 ? square : 1;
    }
    return result;
  }

  private static Inferred negated(Operation op) {
    Value x = op.operand(0);
    return Contents.infer(x.tensorType(), () -> {
      Dim[] from = x.contents();
      if (from == null) {
        return null;
      }
      Dim[] out = new Dim[from.length];
      for (int i = 0; i < out.length; i++) {
        out[i] = Dim.of(0).minus(from[i]);
      }
      return out;
    });
  }

  private static Tensor swish(Operation op, Tensor x) {
    Tensor out = new Tensor(x.element(), x.shape());
    for (int i = 0; i < x.size(); i++) {
      out.set(i, x.get(i) / (1 + Math.exp(-op.realAttribute("alpha") * x.get(i))));
    }
    return out;
  }

  private static Tensor gelu(Operation op, Tensor x) {
    String how = op.textAttribute("approximate");
    return switch (how) {
      case "none" -> Elementwise.map(op, x, a -> 0.5 * a * (1 + Scalars.erf(a / Math.sqrt(2))), null);
      case "tanh" -> Elementwise.map(op, x,
          a -> 0.5 * a * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (a + 0.044715 * a * a * a))), null);
      default -> throw op.broken("approximate = " + how + ", which is neither none nor tanh");
    };
  }

  private static Tensor clip(Operation op, List<EvalValue> in) {
    Tensor out = (Tensor) in.get(0);
    if (in.size() > 1 && in.get(1) != null) {
      out = Elementwise.combine(op, out, ((Tensor) in.get(1)).reshaped(), Math::max, Scalars::max);
    }
    if (in.size() > 2 && in.get(2) != null) {
      out = Elementwise.combine(op, out, ((Tensor) in.get(2)).reshaped(), Math::min, Scalars::min);
    }
    return out;
  }
}
