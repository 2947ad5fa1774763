package dev.catena.frontend.onnx;

import dev.catena.frontend.onnx.OnnxGraph.Node;
import java.util.List;
import java.util.Map;

/**
 * An operation that a model brings with it (FunctionProto): a body of nodes, which refer to the caller's attributes by name.
 *
 * @param defaults attributes that a caller may leave out
 */
record OnnxFunction(String domain, String name, String overload, List<String> inputs, List<String> outputs,
    Map<String, OnnxAttribute> defaults, List<Node> nodes) {

  /** What tells it from other functions of the model; nodes are called by the same. */
  static String key(String domain, String name, String overload) {
    return (domain.equals("ai.onnx") ? "" : domain) + "::" + name + "::" + overload;
  }

  String key() {
    return key(domain, name, overload);
  }
}
