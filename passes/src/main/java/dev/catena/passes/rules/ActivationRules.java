package dev.catena.passes.rules;

import static dev.catena.passes.rules.Patterns.op;
import static dev.catena.passes.rules.Patterns.v;

import java.util.List;
import java.util.Map;

/** Activation functions. */
public final class ActivationRules {
  public static final List<Rule> RULES = List.of(
      new Rule("silu", "x · sigmoid(x).",
          op("onnx.Mul", v("x"), op("onnx.Sigmoid", v("x"))),
          (m, rw) -> rw.replaceRoot(rw.op("nn.silu", Map.of(), m.value("x")).result())),
      new Rule("swiglu", "silu(gate) · up.",
          op("onnx.Mul", op("nn.silu", v("gate")), v("up")),
          m -> m.value("gate").type().equals(m.value("up").type()),
          (m, rw) -> rw.replaceRoot(rw.op("nn.swiglu", Map.of(), m.value("gate"), m.value("up")).result())));

  private ActivationRules() {}
}
