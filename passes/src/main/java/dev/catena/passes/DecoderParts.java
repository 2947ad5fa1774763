package dev.catena.passes;

import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.passes.rules.RuleExplanation;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What a decoder became, counted after {@code merge}: in a Llama-like layer two norms, a merged QKV projection, two
 * rotations, attention, the output projection, merged gate and up, swiglu, the down projection and two residual additions.
 * Other architectures have other numbers of them, and other norms and activations; what every layer has is one attention,
 * and nothing that no rule took.
 *
 * @param counts by part, in the order of the layer
 * @param left   operations that no rule took, those of shapes and constants left out
 */
public record DecoderParts(String stage, Map<String, Integer> counts, List<Operation> left, String nearest) {
  /** A layer's parts in order; these are named even where there is none of them. */
  private static final List<String> PARTS = List.of("rms_norm", "qkv", "rope", "attention", "output", "gate+up", "swiglu", "down",
      "add");
  /** Activations, the gated ones among them: what stands behind them is the down projection. */
  private static final Set<String> ACTIVATIONS = Set.of("nn.silu", "nn.swish", "nn.gelu", "nn.gelu_tanh", "nn.relu", "nn.swiglu",
      "nn.geglu", "nn.geglu_tanh", "nn.mul");

  public static DecoderParts of(Stage stage) {
    Map<String, Integer> counts = new LinkedHashMap<>();
    PARTS.forEach(p -> counts.put(p, 0));
    List<Operation> left = new ArrayList<>();
    for (Operation op : stage.operations()) {
      String part = part(op);
      if (part != null) {
        counts.merge(part, 1, Integer::sum);
      } else if (op.definition().dialect().equals("onnx") && !op.is("onnx.Constant")) {
        left.add(op);
      }
    }
    String nearest = counts.get("attention") == 1 ? null : RuleExplanation.nearest("nn.past_attention", stage);
    if (nearest == null && !left.isEmpty()) {
      nearest = List.of("nn.rms_norm", "nn.layer_norm", "nn.rope", "nn.swiglu").stream()
          .filter(operation -> counts.getOrDefault(operation.substring(3), 0) == 0)
          .map(operation -> RuleExplanation.nearest(operation, stage)).filter(n -> n != null).findFirst().orElse(null);
    }
    int apart = apart(stage);
    if (apart > 0) {
      counts.put("unmerged", apart);
    }
    return new DecoderParts(stage.name(), counts, List.copyOf(left), nearest);
  }

  private static String part(Operation op) {
    return switch (op.name()) {
      case "nn.past_attention", "nn.attention" -> "attention";
      case "nn.linear" -> linear(op);
      case "nn.split", "nn.positions", "nn.kv_append" -> null;
      default -> op.definition().dialect().equals("nn") ? op.name().substring("nn.".length()) : null;
    };
  }

  private static String linear(Operation op) {
    Operation source = op.operand(0).producer();
    if (source != null && (source.is("nn.past_attention") || source.is("nn.attention"))) {
      return "output";
    }
    if (source != null && ACTIVATIONS.contains(source.name())) {
      return "down";
    }
    for (Value.Use use : op.result().uses()) {
      if (use.user() != null && use.user().is("nn.split")) {
        return use.user().results().size() >= 3 ? "qkv" : "gate+up";
      }
      if (use.user() != null && ACTIVATIONS.contains(use.user().name())) {
        return "up";
      }
    }
    return null;
  }

  /** Linear layers that read what another reads, though each of them is a dense matrix: {@code merge} should have joined them. */
  private static int apart(Stage stage) {
    Map<Value, Integer> readers = new IdentityHashMap<>();
    for (Operation op : stage.operations()) {
      if (op.is("nn.linear") && op.operand(1).type() instanceof TensorType) {
        readers.merge(op.operand(0), 1, Integer::sum);
      }
    }
    return readers.values().stream().mapToInt(n -> n - 1).sum();
  }

  /** Whether the layer is just what it should be. */
  public boolean isWhole() {
    return left.isEmpty() && lacks().isEmpty();
  }

  private List<String> lacks() {
    List<String> lacks = new ArrayList<>();
    if (counts.get("attention") != 1) {
      lacks.add("attention " + counts.get("attention") + " of 1");
    }
    if (counts.get("rope") % 2 != 0) {
      lacks.add("rope " + counts.get("rope") + " of 2");
    }
    if (counts.containsKey("unmerged")) {
      lacks.add(counts.get("unmerged") + " linear layers stay beside others that read the same rows");
    }
    return lacks;
  }

  /** One line on what the layer lacks and which operation broke the match; null where it is whole. */
  public String shortfall() {
    if (isWhole()) {
      return null;
    }
    List<String> lacks = lacks();
    String first = left.isEmpty() ? "" : "; " + left.size() + " operations stay as they came, the first "
        + left.get(0).name() + " (" + left.get(0).origin() + ")";
    return stage + ": " + (lacks.isEmpty() ? "not recognized as a whole" : String.join(", ", lacks))
        + (nearest == null ? first : "; " + nearest);
  }
}
