package dev.catena.tests.whole;

import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxElement;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** ONNX Runtime's mixture of experts. */
class ExpertOperationTest extends JudgedOperation {
  private static final int HIDDEN = 8;
  private static final int INNER = 6;
  private static final int EXPERTS = 5;

  @ParameterizedTest(name = "{0}, {1} of 5, shares among those chosen {2}, biases {3}, limit {4}, rank {5}")
  @CsvSource({"relu, 1, 0, 0, 0, 2", "gelu, 2, 1, 1, 0, 2", "silu, 3, 1, 0, 0, 3", "identity, 2, 0, 1, 0, 3", "swiglu, 2, 1, 1, 0, 2",
      "swiglu, 2, 1, 1, 0.7, 3"})
  void mixtureOfExperts(String activation, int chosen, int normalized, int biases, float limit, int rank) {
    if (rank == 2) {
      reals("x", 4, HIDDEN);
    } else {
      reals("x", 2, 2, HIDDEN);
    }
    reals("logits", 4, EXPERTS);
    int first = activation.equals("swiglu") ? 2 * INNER : INNER;
    constant("w1", 0.5, EXPERTS, first, HIDDEN);
    constant("w2", 0.5, EXPERTS, HIDDEN, INNER);
    if (biases == 1) {
      constant("b1", 1, EXPERTS, first);
      constant("b2", 1, EXPERTS, HIDDEN);
    }
    List<OnnxAttribute> attributes = new ArrayList<>(List.of(OnnxAttribute.of("k", chosen), OnnxAttribute.of("activation_type", activation),
        OnnxAttribute.of("normalize_routing_weights", normalized)));
    if (activation.equals("swiglu")) {
      attributes.add(OnnxAttribute.of("swiglu_fusion", 1));
    }
    if (limit > 0) { // as GPT-OSS has them
      attributes.addAll(List.of(OnnxAttribute.of("swiglu_limit", limit), OnnxAttribute.of("activation_alpha", 1.702f),
          OnnxAttribute.of("activation_beta", 1f)));
    }
    graph.contrib("MoE", List.of("x", "logits", "w1", biases == 1 ? "b1" : "", "w2", biases == 1 ? "b2" : ""), List.of("y"),
        attributes.toArray(OnnxAttribute[]::new));
    graph.output("y", OnnxElement.F32, rank == 2 ? new Object[] {"r", HIDDEN} : new Object[] {"b", "s", HIDDEN});
    agree(2e-5);
  }
}
