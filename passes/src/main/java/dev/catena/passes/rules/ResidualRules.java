package dev.catena.passes.rules;

import static dev.catena.passes.rules.Patterns.constantOfRank;
import static dev.catena.passes.rules.Patterns.op;
import static dev.catena.passes.rules.Patterns.v;

import java.util.List;
import java.util.Map;

/** What is left between the larger patterns. */
public final class ResidualRules {
  public static final List<Rule> RULES = List.of(
      new Rule("embedding", "Gather of rows of a constant matrix by token id.",
          op("onnx.Gather", v("table", t -> constantOfRank(2).test(t) && t.tensorType().element().isFloat()),
              v("ids", i -> i.tensorType().element().isInteger() && i.isArgument()))
              .where(o -> o.intAttribute("axis", 0) == 0),
          (m, rw) -> rw.replaceRoot(
              rw.op("nn.embedding", Map.of(), m.value("ids"), rw.asWeight(m.value("table"))).result())),
      new Rule("residual", "An addition of two activations of one type.",
          op("onnx.Add", v("a"), v("b")),
          m -> m.value("a").type().equals(m.value("b").type()) && m.value("a").tensorType().element().isFloat()
              && m.value("a").tensorType().rank() >= 2,
          (m, rw) -> rw.replaceRoot(rw.op("nn.add", Map.of(), m.value("a"), m.value("b")).result())));

  private ResidualRules() {}
}
