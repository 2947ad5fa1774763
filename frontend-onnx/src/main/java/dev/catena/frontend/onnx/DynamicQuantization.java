package dev.catena.frontend.onnx;

import dev.catena.frontend.onnx.OnnxGraph.Node;
import dev.catena.frontend.onnx.OnnxGraph.ValueInfo;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds what ONNX Runtime's {@code quantize_dynamic} makes of a MatMul with a constant matrix, and puts one node in its place,
 * {@code com.microsoft.DynamicQuantizeMatMul} (A, B, b_scale, b_zero_point, bias):
 *
 * <pre>
 *   codes, scale, zero = DynamicQuantizeLinear(A)
 *   Mul(Cast(MatMulInteger(codes, B, zero, b_zero_point)), Mul(scale, b_scale))
 *   MatMulIntegerToFloat(codes, B, scale, b_scale, zero, b_zero_point, bias)     (com.microsoft)
 * </pre>
 */
final class DynamicQuantization {
  private static final int F32 = 1;

  private final OnnxGraph graph;
  private final List<Node> nodes;
  private final Map<String, Node> producers = new HashMap<>();
  private final Map<String, Integer> readers = new HashMap<>();
  private final Map<String, Node> reader = new HashMap<>();

  private DynamicQuantization(OnnxGraph graph) {
    this.graph = graph;
    this.nodes = new ArrayList<>(graph.nodes());
    for (Node node : graph.nodes()) {
      node.outputs().forEach(name -> producers.put(name, node));
      node.inputs().forEach(name -> read(name, node));
      node.reads().stream().filter(name -> !node.inputs().contains(name)).forEach(name -> read(name, node));
    }
    for (ValueInfo output : graph.outputs()) {
      readers.merge(output.name(), 1, Integer::sum);
    }
  }

  private void read(String name, Node by) {
    readers.merge(name, 1, Integer::sum);
    reader.put(name, by);
  }

  /** The graph with such chains as single nodes; the same graph where there are none. */
  static OnnxGraph joined(OnnxGraph graph) {
    if (graph.nodes().stream().noneMatch(n -> n.operation().startsWith("MatMulInteger"))) {
      return graph;
    }
    return new DynamicQuantization(graph).run();
  }

  private OnnxGraph run() {
    for (Node node : graph.nodes()) {
      if (node.is("MatMulInteger")) {
        chain(node);
      } else if (node.operation().equals("MatMulIntegerToFloat") && node.domain().equals(ContribForms.DOMAIN)) {
        fused(node);
      }
    }
    for (boolean again = true; again;) { // scales and quantized activations that nobody reads any more
      again = nodes.removeIf(n -> isOfActivations(n) && n.outputs().stream().allMatch(o -> readers.getOrDefault(o, 0) == 0)
          && unread(n));
    }
    List<Node> numbered = new ArrayList<>();
    for (Node n : nodes) {
      numbered.add(new Node(numbered.size(), n.name(), n.domain(), n.operation(), n.overload(), n.inputs(), n.outputs(), n.attributes()));
    }
    return new OnnxGraph(graph.file(), graph.irVersion(), graph.opset(), numbered, graph.initializers(), graph.inputs(),
        graph.outputs());
  }

  private boolean isOfActivations(Node n) {
    return n.is("DynamicQuantizeLinear") || n.is("Mul") && scaleOf(n) != null;
  }

  private boolean unread(Node n) {
    n.inputs().forEach(name -> readers.merge(name, -1, Integer::sum));
    return true;
  }

  private void chain(Node product) {
    Node activations = producers.get(product.input(0));
    Node cast = only(product);
    Node scaled = cast == null ? null : only(cast);
    if (!quantizes(activations, product.input(0)) || !product.input(2).equals(output(activations, 2))
        || cast == null || !cast.is("Cast") || cast.attributes().get("to") == null || cast.attributes().get("to").integer() != F32
        || scaled == null || !scaled.is("Mul")) {
      return;
    }
    String other = scaled.input(scaled.input(0).equals(cast.outputs().get(0)) ? 1 : 0);
    Node scales = producers.get(other);
    String scale = scales == null || !scales.is("Mul") || !scales.inputs().contains(output(activations, 1)) ? null
        : scaleOf(scales);
    if (scale == null || !constant(product.input(1), product.input(3))) {
      return;
    }
    replace(List.of(product, cast, scaled), scaled,
        List.of(activations.input(0), product.input(1), scale, product.input(3)), product.name());
  }

  private void fused(Node product) {
    Node activations = producers.get(product.input(0));
    if (quantizes(activations, product.input(0)) && product.input(2).equals(output(activations, 1))
        && product.input(4).equals(output(activations, 2)) && constant(product.input(1), product.input(5))) {
      replace(List.of(product), product,
          List.of(activations.input(0), product.input(1), product.input(3), product.input(5), product.input(6)), product.name());
    }
  }

  private void replace(List<Node> chain, Node last, List<String> inputs, String name) {
    Node joined = new Node(last.index(), name, ContribForms.DOMAIN, "DynamicQuantizeMatMul", "", inputs, last.outputs(), Map.of());
    nodes.set(nodes.indexOf(last), joined);
    nodes.removeAll(chain);
    chain.forEach(n -> n.inputs().forEach(i -> readers.merge(i, -1, Integer::sum)));
    inputs.forEach(i -> readers.merge(i, 1, Integer::sum));
  }

  /** The constant among the factors of an activation's scale and a constant; null where it isn't that. */
  private String scaleOf(Node product) {
    for (int i = 0; i < 2; i++) {
      Node maker = producers.get(product.input(i));
      if (maker != null && maker.is("DynamicQuantizeLinear") && product.input(i).equals(output(maker, 1))
          && constant(product.input(1 - i))) {
        return product.input(1 - i);
      }
    }
    return null;
  }

  private static boolean quantizes(Node node, String codes) {
    return node != null && node.is("DynamicQuantizeLinear") && codes.equals(output(node, 0));
  }

  private static String output(Node node, int index) {
    return index < node.outputs().size() ? node.outputs().get(index) : "";
  }

  /** The one node that reads the first result; null where there are more or none. */
  private Node only(Node node) {
    String name = output(node, 0);
    return readers.getOrDefault(name, 0) == 1 ? reader.get(name) : null;
  }

  private boolean constant(String... names) {
    for (String name : names) {
      Node maker = producers.get(name);
      if (!name.isEmpty() && !graph.initializers().containsKey(name) && (maker == null || !maker.is("Constant"))) {
        return false;
      }
    }
    return true;
  }
}
