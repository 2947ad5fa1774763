package dev.catena.frontend.onnx;

import dev.catena.frontend.onnx.OnnxGraph.Node;
import dev.catena.frontend.onnx.OnnxGraph.ValueInfo;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A graph that is an attribute of a node; it reads what the graph around it computes, by name.
 *
 * @param captured the names that it takes from the graph around it
 */
record OnnxSubgraph(List<Node> nodes, Map<String, OnnxTensor> initializers, List<ValueInfo> inputs,
    List<ValueInfo> outputs, Set<String> captured) {

  OnnxSubgraph(List<Node> nodes, Map<String, OnnxTensor> initializers, List<ValueInfo> inputs, List<ValueInfo> outputs) {
    this(nodes, initializers, inputs, outputs, captured(nodes, initializers, inputs, outputs));
  }

  private static Set<String> captured(List<Node> nodes, Map<String, OnnxTensor> initializers, List<ValueInfo> inputs,
      List<ValueInfo> outputs) {
    Set<String> own = new HashSet<>(initializers.keySet());
    inputs.forEach(i -> own.add(i.name()));
    nodes.forEach(n -> own.addAll(n.outputs()));
    Set<String> names = new LinkedHashSet<>();
    nodes.forEach(n -> names.addAll(n.reads()));
    outputs.forEach(o -> names.add(o.name()));
    names.removeAll(own);
    return Collections.unmodifiableSet(names);
  }
}
