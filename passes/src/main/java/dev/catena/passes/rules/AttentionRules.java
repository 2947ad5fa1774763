package dev.catena.passes.rules;

import static dev.catena.passes.rules.Patterns.any;
import static dev.catena.passes.rules.Patterns.attribute;
import static dev.catena.passes.rules.Patterns.either;
import static dev.catena.passes.rules.Patterns.ints;
import static dev.catena.passes.rules.Patterns.op;
import static dev.catena.passes.rules.Patterns.optional;
import static dev.catena.passes.rules.Patterns.scalar;
import static dev.catena.passes.rules.Patterns.v;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.Operation;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.List;
import java.util.Map;

/** Attention over past and new keys and values, with grouped heads. */
public final class AttentionRules {
  /** The lowest number of f32 and of f16: a score clamped to it is a score. */
  private static final double LOWEST_OF_F16 = -65504;

  private static final Pattern KEYS = optional("nn.repeat_kv",
      op("onnx.Concat", v("past_key"), heads("k", "k_shape")).where(AttentionRules::alongSequence).as("present_key"));
  private static final Pattern VALUES = optional("nn.repeat_kv",
      op("onnx.Concat", v("past_value"), heads("v", "v_shape")).where(AttentionRules::alongSequence)
          .as("present_value"));
  private static final Pattern PRODUCT =
      op("onnx.MatMul", heads("q", "q_shape"), op("onnx.Transpose", KEYS).where(attribute("perm", 0, 1, 3, 2)));
  private static final Pattern SCALED = either(op("onnx.Div", PRODUCT, scalar("divisor")),
      op("onnx.Mul", PRODUCT, scalar("factor")));
  private static final Pattern MASKED = op("onnx.Add", SCALED, v("mask"));
  private static final Pattern CLAMPED = either(MASKED, op("onnx.Max", MASKED, scalar("lowest")));
  private static final Pattern SCORES = op("onnx.Softmax", optional("onnx.Cast", CLAMPED)).where(Patterns::lastAxis);

  public static final List<Rule> RULES = List.of(
      new Rule("repeat_kv", "Unsqueeze, Expand, Reshape that repeats each KV head for the heads that share it.",
          op("onnx.Reshape", op("onnx.Expand", op("onnx.Unsqueeze", v("x"), ints(2)), any()).as("wide"), any()),
          AttentionRules::repeatsHeads,
          (m, rw) -> rw.replaceRoot(rw.op("nn.repeat_kv",
              Map.of("times", Attribute.of(m.value("wide").tensorType().dim(2).value())), m.value("x")).result())),
      new Rule("attention", "softmax(q · kᵀ · scale + mask) · v over past and new positions; the new cache escapes.",
          op("onnx.Reshape", op("onnx.Transpose",
              op("onnx.MatMul", either(SCORES, op("onnx.Cast", SCORES), op("onnx.Cast", op("onnx.Cast", SCORES))),
                  VALUES)).where(attribute("perm", 0, 2, 1, 3)), any()),
          AttentionRules::headsFit, AttentionRules::emitAttention));

  private AttentionRules() {}

  /** Rows [b, s, heads·dim] seen as heads [b, heads, s, dim]. */
  private static Pattern heads(String rows, String shape) {
    return op("onnx.Transpose", op("onnx.Reshape", v(rows), v(shape))).where(attribute("perm", 0, 2, 1, 3))
        .as(rows + "_heads");
  }

  private static boolean alongSequence(Operation concat) {
    long axis = concat.intAttribute("axis");
    return axis == 2 || axis == -2;
  }

  private static boolean repeatsHeads(Match m) {
    TensorType x = m.value("x").tensorType();
    TensorType wide = m.value("wide").tensorType();
    TensorType out = m.value("root").tensorType();
    if (x.rank() != 4 || wide.rank() != 5 || !wide.dim(2).isKnown()) {
      return false;
    }
    return wide.dim(1).equals(x.dim(1)) && wide.dim(4).equals(x.dim(3)) && out.rank() == 4
        && out.dim(1).equals(x.dim(1).times(wide.dim(2))) && out.dim(3).equals(x.dim(3));
  }

  private static boolean headsFit(Match m) {
    Dim heads = m.value("q_heads").tensorType().dim(1);
    Dim kvHeads = m.value("k_heads").tensorType().dim(1);
    if (m.has("lowest") && m.scalar("lowest") > LOWEST_OF_F16) {
      return false;
    }
    return heads.isKnown() && kvHeads.isKnown() && kvHeads.value() > 0 && heads.value() % kvHeads.value() == 0
        && m.value("v_heads").tensorType().dim(1).equals(kvHeads) && m.value("past_key").tensorType().dim(3).isKnown();
  }

  private static void emitAttention(Match m, Rewrite rw) {
    double scale = m.has("divisor") ? 1 / m.scalar("divisor") : m.scalar("factor");
    Operation attention = rw.op("nn.past_attention",
        Map.of("heads", Attribute.of(m.value("q_heads").tensorType().dim(1).value()),
            "kv_heads", Attribute.of(m.value("k_heads").tensorType().dim(1).value()),
            "scale", Attribute.of(scale)),
        m.value("q"), m.value("k"), m.value("v"), m.value("past_key"), m.value("past_value"), m.value("mask"));
    attention.result(0).rename("attended");
    attention.result(1).rename("present_key");
    attention.result(2).rename("present_value");
    Value presentKey = m.value("present_key");
    Value presentValue = m.value("present_value");
    rw.replaceRoot(attention.result(0));
    rw.replace(presentKey, attention.result(1));
    rw.replace(presentValue, attention.result(2));
  }
}
