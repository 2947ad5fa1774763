package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Value;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What ONNX Runtime's optimizer fuses with a product: transposes, a factor, a sum, an activation. */
final class FusedForms extends OperationForms {
  FusedForms(StageBuilder out) {
    super(out);
  }

  /** alpha · A · B, each of them turned before it is multiplied, if its attributes say so. */
  Value matMul(OnnxGraph.Node node, List<Value> in) {
    allow(node, "alpha", "transA", "transB", "transBatchA", "transBatchB");
    Value a = arranged(required(in, 0, "A"), integer(node, "transA", 0) != 0, integer(node, "transBatchA", 0) != 0);
    Value b = arranged(required(in, 1, "B"), integer(node, "transB", 0) != 0, integer(node, "transBatchB", 0) != 0);
    Value product = op("MatMul", a, b);
    float alpha = real(node, "alpha", 1);
    return alpha == 1 ? product : op("Mul", product, real(product, alpha));
  }

  /** @param batch whether the first axis stands behind those of the batch; @param turned whether the last two are exchanged then */
  private Value arranged(Value x, boolean turned, boolean batch) {
    int rank = x.tensorType().rank();
    if (rank < 2 || !turned && !batch) {
      return x;
    }
    long[] order = new long[rank];
    for (int i = 0; i < rank; i++) {
      order[i] = !batch || i == rank - 1 ? i : (i + 1) % (rank - 1);
    }
    if (turned) {
      long last = order[rank - 1];
      order[rank - 1] = order[rank - 2];
      order[rank - 2] = last;
    }
    return out.append("Transpose", List.of(x), Map.of("perm", Attribute.ints(order)), 1).result();
  }

  /** activation(alpha · A · B + beta · C). */
  Value gemm(OnnxGraph.Node node, List<Value> in) {
    allow(node, "alpha", "beta", "transA", "transB", "activation", "activation_alpha", "activation_beta", "activation_gamma");
    Map<String, Attribute> attributes = Map.of("transA", Attribute.of(integer(node, "transA", 0)), "transB", Attribute.of(integer(node, "transB", 0)),
        "alpha", Attribute.of((double) real(node, "alpha", 1)), "beta", Attribute.of((double) real(node, "beta", 1)));
    List<Value> operands = optional(in, 2) == null ? List.of(required(in, 0, "A"), required(in, 1, "B"))
        : List.of(required(in, 0, "A"), required(in, 1, "B"), in.get(2));
    return activated(node, out.append("Gemm", operands, attributes, 1).result());
  }

  /** activation(conv(X, W) + B + Z). */
  Value conv(OnnxGraph.Node node, List<Value> in) {
    allow(node, "auto_pad", "dilations", "group", "kernel_shape", "pads", "strides", "activation", "activation_params");
    Map<String, Attribute> attributes = new HashMap<>();
    for (OnnxAttribute a : node.attributes().values()) {
      if (!a.name().startsWith("activation")) {
        attributes.put(a.name(), a.type() == OnnxAttribute.Type.INTEGER ? Attribute.of(a.integer())
            : a.type() == OnnxAttribute.Type.TEXT ? Attribute.of(a.text()) : Attribute.ints(a.integers()));
      }
    }
    List<Value> operands = optional(in, 2) == null ? List.of(required(in, 0, "X"), required(in, 1, "W"))
        : List.of(required(in, 0, "X"), required(in, 1, "W"), in.get(2));
    Value sum = out.append("Conv", operands, attributes, 1).result();
    return activated(node, optional(in, 3) == null ? sum : op("Add", sum, in.get(3)));
  }

  private Value activated(OnnxGraph.Node node, Value x) {
    OnnxAttribute given = node.attributes().get("activation");
    String activation = given == null ? "" : given.text();
    OnnxAttribute parameters = node.attributes().get("activation_params");
    float alpha = parameters != null && parameters.reals() != null && parameters.reals().length > 0 ? parameters.reals()[0]
        : real(node, "activation_alpha", 0.01f);
    return switch (activation) {
      case "" -> x;
      case "Relu", "Tanh", "Sigmoid" -> op(activation, x);
      case "LeakyRelu" -> op("Where", op("Less", x, real(x, 0)), op("Mul", x, real(x, alpha)), x);
      default -> throw out.broken("has the activation '" + activation + "', which Catena doesn't know; Relu, LeakyRelu, Tanh and Sigmoid it does");
    };
  }

  /** softmax(data + bias) over the last axis. */
  Value biasSoftmax(OnnxGraph.Node node, List<Value> in) {
    allow(node, "axis", "is_inner_broadcast");
    Value data = required(in, 0, "data");
    long axis = integer(node, "axis", 1);
    int rank = data.tensorType().rank();
    if (axis != -1 && axis != rank - 1) {
      throw out.broken("has axis " + axis + " for a tensor of rank " + rank + "; Catena knows the last axis");
    }
    return softmax(op("Add", data, required(in, 1, "bias")));
  }
}
