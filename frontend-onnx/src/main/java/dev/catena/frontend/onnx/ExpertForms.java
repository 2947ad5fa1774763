package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.List;
import java.util.Map;

/**
 * ONNX Runtime's MoE: each row of a step goes through k experts, which its router's logits choose, and their results are mixed. All
 * experts compute all rows here, and those that weren't chosen count for nothing.
 */
final class ExpertForms extends OperationForms {
  private static final int FC1 = 2;
  private static final int FC1_BIAS = 3;
  private static final int FC2 = 4;
  private static final int FC2_BIAS = 5;
  private static final int FC3 = 6;
  private static final int FC3_BIAS = 7;

  ExpertForms(StageBuilder out) {
    super(out);
  }

  Value mixed(OnnxGraph.Node node, List<Value> in) {
    allow(node, "k", "activation_type", "normalize_routing_weights", "swiglu_fusion", "swiglu_limit", "activation_alpha", "activation_beta");
    Value x = required(in, 0, "input");
    Value logits = required(in, 1, "router_probs");
    long hidden = known(x, -1, "input");
    long experts = known(logits, -1, "router_probs");
    if (logits.tensorType().rank() != 2) {
      throw out.broken("has router_probs " + logits.tensorType().text() + "; [rows, experts] are needed");
    }
    Value rows = op("Unsqueeze", op("Reshape", x, integers(-1, hidden)), integers(0));
    Value first = layer(rows, required(in, FC1, "fc1_experts_weights"), optional(in, FC1_BIAS), experts);
    Value third = optional(in, FC3) == null ? null : layer(rows, in.get(FC3), optional(in, FC3_BIAS), experts);
    Value results = layer(activated(node, first, third), required(in, FC2, "fc2_experts_weights"), optional(in, FC2_BIAS), experts);
    Value shares = op("Unsqueeze", out.append("Transpose", List.of(shares(node, logits, experts)), Map.of("perm", Attribute.ints(1, 0)), 1).result(),
        integers(2));
    Value sum = out.append("ReduceSum", List.of(op("Mul", results, shares), integers(0)), Map.of("keepdims", Attribute.of(0)), 1).result();
    return x.tensorType().rank() == 2 ? sum : op("Reshape", sum, op("Shape", x));
  }

  /** Rows [1 or experts, rows, width] through each expert's matrix of [experts, columns, width]: [experts, rows, columns]. */
  private Value layer(Value rows, Value weights, Value bias, long experts) {
    TensorType t = weights.tensorType();
    if (t.rank() != 3 || !t.dim(0).is(experts)) {
      throw out.broken("has weights " + t.text() + " for " + experts + " experts");
    }
    Value product = op("MatMul", rows, out.append("Transpose", List.of(weights), Map.of("perm", Attribute.ints(0, 2, 1)), 1).result());
    return bias == null ? product : op("Add", product, op("Unsqueeze", bias, integers(1)));
  }

  private Value activated(OnnxGraph.Node node, Value first, Value third) {
    OnnxAttribute given = node.attributes().get("activation_type");
    String activation = given == null || given.text() == null ? "relu" : given.text();
    Value active = switch (activation) {
      case "relu" -> op("Relu", first);
      case "gelu" -> out.append("Gelu", List.of(first), Map.of("approximate", Attribute.of("tanh")), 1).result(); // as ONNX Runtime's CPU has it
      case "silu" -> op("Mul", first, op("Sigmoid", first));
      case "identity" -> first;
      case "swiglu" -> null;
      default -> throw out.broken("has activation_type = '" + activation + "', which Catena doesn't know");
    };
    if (active != null) {
      return third == null ? active : op("Mul", active, third);
    }
    long fusion = integer(node, "swiglu_fusion", 0);
    if (fusion < 0 || fusion > 2 || (fusion == 0) != (third != null)) {
      throw out.broken("has swiglu_fusion = " + fusion + (third == null ? " without" : " with") + " fc3_experts_weights");
    }
    long width = known(first, -1, "fc1_experts_weights");
    Value gate = fusion == 0 ? first : fusion == 1 ? columns(first, 0, width, 2) : columns(first, 0, width / 2, 1);
    Value linear = fusion == 0 ? third : fusion == 1 ? columns(first, 1, width, 2) : columns(first, width / 2, width, 1);
    if (node.attributes().containsKey("swiglu_limit")) {
      Value limit = real(first, real(node, "swiglu_limit", 0));
      gate = op("Min", gate, limit);
      linear = op("Max", op("Min", linear, limit), op("Neg", limit));
    }
    float alpha = real(node, "activation_alpha", 1);
    float beta = real(node, "activation_beta", 0);
    Value swish = op("Mul", gate, op("Sigmoid", alpha == 1 ? gate : op("Mul", gate, real(gate, alpha))));
    return op("Mul", swish, beta == 0 ? linear : op("Add", linear, real(linear, beta)));
  }

  private Value columns(Value x, long from, long to, long step) {
    return op("Slice", x, integers(from), integers(to), integers(-1), integers(step));
  }

  /** What each expert's result counts for, [rows, experts]: 0 for all but the k best. */
  private Value shares(OnnxGraph.Node node, Value logits, long experts) {
    long k = integer(node, "k", 1);
    if (k < 1 || k > experts) {
      throw out.broken("has k = " + k + " of " + experts + " experts");
    }
    boolean amongChosen = integer(node, "normalize_routing_weights", 0) != 0;
    List<Value> best = out.append("TopK", List.of(amongChosen ? logits : softmax(logits), integers(k)),
        Map.of("axis", Attribute.of(-1)), 2).results();
    Value shares = amongChosen ? softmax(best.get(0)) : best.get(0);
    Value none = op("Expand", real(logits, 0), op("Shape", logits));
    return out.append("ScatterElements", List.of(none, best.get(1), shares), Map.of("axis", Attribute.of(1)), 1).result();
  }
}
