package dev.catena.passes.rules;

import static dev.catena.passes.rules.Patterns.constantOfRank;
import static dev.catena.passes.rules.Patterns.either;
import static dev.catena.passes.rules.Patterns.ints;
import static dev.catena.passes.rules.Patterns.knownIntegers;
import static dev.catena.passes.rules.Patterns.number;
import static dev.catena.passes.rules.Patterns.op;
import static dev.catena.passes.rules.Patterns.optional;
import static dev.catena.passes.rules.Patterns.scalar;
import static dev.catena.passes.rules.Patterns.v;

import dev.catena.ir.Attribute;
import dev.catena.ir.ElementType;
import dev.catena.ir.Operation;
import dev.catena.ir.Value;
import java.util.List;
import java.util.Map;

/** RMSNorm in the forms that exporters write. */
public final class NormRules {
  private static final Pattern WIDE = v("wide");
  private static final Pattern MEAN_OF_SQUARES = either(
      op("onnx.ReduceMean", squares(), v("axes", NormRules::isLastAxis)).where(NormRules::keepsDims),
      op("onnx.ReduceMean", squares()).where(o -> false));
  private static final Pattern ROOT = op("onnx.Sqrt", op("onnx.Add", MEAN_OF_SQUARES, scalar("eps")));
  private static final Pattern INVERSE_ROOT =
      either(op("onnx.Div", number(1), ROOT), op("onnx.Reciprocal", ROOT),
          op("onnx.Pow", op("onnx.Add", MEAN_OF_SQUARES, scalar("eps")), number(-0.5)));
  private static final Pattern NORMALIZED = either(op("onnx.Mul", WIDE, INVERSE_ROOT), op("onnx.Div", WIDE, ROOT));

  public static final List<Rule> RULES = List.of(
      new Rule("rms_norm", "RMSNorm as torch exports it: x / sqrt(mean(x²) + eps), in f32, scaled by a vector.",
          op("onnx.Mul", v("w", constantOfRank(1)), optional("onnx.Cast", NORMALIZED)),
          NormRules::fits, NormRules::emit));

  private NormRules() {}

  private static Pattern squares() {
    return either(op("onnx.Pow", v("wide"), number(2)), op("onnx.Mul", v("wide"), v("wide")));
  }

  private static boolean isLastAxis(Value axes) {
    long[] known = knownIntegers(axes);
    return known != null && known.length == 1;
  }

  private static boolean keepsDims(Operation reduce) {
    long axis = knownIntegers(reduce.operand(1))[0];
    return (axis == -1 || axis == reduce.operand(0).tensorType().rank() - 1) && reduce.intAttribute("keepdims", 1) == 1;
  }

  /** The norm's operand: what was widened to f32 for it, where something was. */
  private static Value narrow(Match m) {
    Value wide = m.value("wide");
    Operation cast = wide.producer();
    return cast != null && cast.is("onnx.Cast") && wide.tensorType().element() == ElementType.F32
        && cast.operand(0).tensorType().element().isFloat() ? cast.operand(0) : wide;
  }

  private static boolean fits(Match m) {
    Value w = m.value("w");
    ElementType wide = m.value("wide").tensorType().element();
    return w.tensorType().dim(0).equals(m.value("wide").tensorType().dim(-1))
        && (wide == ElementType.F32 || wide == narrow(m).tensorType().element());
  }

  private static void emit(Match m, Rewrite rw) {
    ElementType result = rw.root().result().tensorType().element();
    Value x = narrow(m).tensorType().element() == result ? narrow(m) : m.value("wide");
    if (x.tensorType().element() != result) {
      return;
    }
    Operation norm = rw.op("nn.rms_norm", Map.of("eps", Attribute.of(m.scalar("eps"))), x, rw.asWeight(m.value("w")));
    rw.replaceRoot(norm.result());
  }
}
