package dev.catena.passes;

import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Value;
import dev.catena.passes.rules.RuleExplanation;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a decoder became, counted after {@code merge}: in a Llama-like layer two norms, a merged QKV projection, two
 * rotations, attention, the output projection, merged gate and up, swiglu, the down projection and two residual additions.
 *
 * @param counts by part, in the order of the layer
 * @param left   operations that no rule took, those of shapes and constants left out
 */
public record DecoderParts(String stage, Map<String, Integer> counts, List<Operation> left, String nearest) {
  private static final Map<String, Integer> WHOLE = new LinkedHashMap<>();

  static {
    WHOLE.put("rms_norm", 2);
    WHOLE.put("qkv", 1);
    WHOLE.put("rope", 2);
    WHOLE.put("attention", 1);
    WHOLE.put("output", 1);
    WHOLE.put("gate+up", 1);
    WHOLE.put("swiglu", 1);
    WHOLE.put("down", 1);
    WHOLE.put("add", 2);
  }

  /** The names of the parts, in the order of the layer. */
  public static List<String> parts() {
    return List.copyOf(WHOLE.keySet());
  }

  public static DecoderParts of(Stage stage) {
    Map<String, Integer> counts = new LinkedHashMap<>();
    WHOLE.keySet().forEach(p -> counts.put(p, 0));
    List<Operation> left = new ArrayList<>();
    for (Operation op : stage.operations()) {
      String part = part(op);
      if (part != null) {
        counts.merge(part, 1, Integer::sum);
      } else if (op.definition().dialect().equals("onnx") && !op.is("onnx.Constant")) {
        left.add(op);
      }
    }
    String nearest = null;
    for (String part : WHOLE.keySet()) {
      String operation = operation(part);
      if (nearest == null && counts.get(part) < WHOLE.get(part) && operation != null) {
        nearest = RuleExplanation.nearest(operation, stage);
      }
    }
    return new DecoderParts(stage.name(), counts, List.copyOf(left), nearest);
  }

  private static String operation(String part) {
    return switch (part) {
      case "attention" -> "nn.past_attention";
      case "rms_norm", "rope", "swiglu" -> "nn." + part;
      default -> null;
    };
  }

  private static String part(Operation op) {
    return switch (op.name()) {
      case "nn.rms_norm" -> "rms_norm";
      case "nn.rope" -> "rope";
      case "nn.past_attention", "nn.attention" -> "attention";
      case "nn.swiglu" -> "swiglu";
      case "nn.add" -> "add";
      case "nn.linear" -> linear(op);
      default -> null;
    };
  }

  private static String linear(Operation op) {
    Operation source = op.operand(0).producer();
    if (source != null && (source.is("nn.past_attention") || source.is("nn.attention"))) {
      return "output";
    }
    if (source != null && source.is("nn.swiglu")) {
      return "down";
    }
    for (Value.Use use : op.result().uses()) {
      if (use.user() != null && use.user().is("nn.split")) {
        return use.user().results().size() == 3 ? "qkv" : "gate+up";
      }
    }
    return null;
  }

  /** Whether the layer is just what it should be. */
  public boolean isWhole() {
    return counts.equals(WHOLE) && left.isEmpty();
  }

  /** One line on what the layer lacks and which operation broke the match; null where it is whole. */
  public String shortfall() {
    if (isWhole()) {
      return null;
    }
    List<String> lacks = new ArrayList<>();
    WHOLE.forEach((part, n) -> {
      if (!counts.get(part).equals(n)) {
        lacks.add(part + " " + counts.get(part) + " of " + n);
      }
    });
    String first = left.isEmpty() ? "" : "; " + left.size() + " operations stay as they came, the first "
        + left.get(0).name() + " (" + left.get(0).origin() + ")";
    return stage + ": " + (lacks.isEmpty() ? "" : String.join(", ", lacks)) + (nearest == null ? first : "; " + nearest);
  }
}
