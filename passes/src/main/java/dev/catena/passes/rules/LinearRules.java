package dev.catena.passes.rules;

import static dev.catena.passes.rules.Patterns.constantOfRank;
import static dev.catena.passes.rules.Patterns.op;
import static dev.catena.passes.rules.Patterns.v;

import dev.catena.ir.TransposedWeight;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.List;
import java.util.Map;

/** Products with a constant matrix. */
public final class LinearRules {
  public static final List<Rule> RULES = List.of(
      new Rule("linear", "MatMul with a constant [k, n] is a linear layer with its transpose [n, k].",
          op("onnx.MatMul", v("x", x -> x.tensorType().rank() >= 2 && x.weight() == null),
              v("w", constantOfRank(2))),
          (m, rw) -> rw.replaceRoot(
              rw.op("nn.linear", Map.of(), m.value("x"), transposed(m.value("w"), rw)).result())),
      new Rule("linear_bias", "A vector added to a linear layer that has none is its bias.",
          op("onnx.Add", op("nn.linear", v("x"), v("w")), v("b", constantOfRank(1))),
          m -> m.value("b").tensorType().elements().equals(LinearRules.rows(m)),
          (m, rw) -> rw.replaceRoot(
              rw.op("nn.linear", Map.of(), m.value("x"), m.value("w"), rw.asWeight(m.value("b"))).result())));

  private LinearRules() {}

  private static dev.catena.ir.Dim rows(Match m) {
    return m.value("w").tensorType().dim(0);
  }

  private static Value transposed(Value w, Rewrite rw) {
    Value weight = rw.asWeight(w);
    WeightData data = weight.weight().data();
    WeightData turned = data instanceof TransposedWeight t && t.permutation().length == 2 && t.permutation()[0] == 1
        ? t.base() : new TransposedWeight(data, 1, 0);
    return rw.weight(weight.weight().name(), turned);
  }
}
