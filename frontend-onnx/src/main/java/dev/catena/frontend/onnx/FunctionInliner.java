package dev.catena.frontend.onnx;

import dev.catena.frontend.onnx.OnnxGraph.Node;
import dev.catena.frontend.onnx.OnnxGraph.ValueInfo;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * Puts the bodies of a model's own functions in the place of the nodes that call them, those in branches included. Names of a
 * body get the call's number before them. A function's own opset isn't looked at: exporters write the model's.
 */
final class FunctionInliner {
  /** More than any exported model has; functions that call each other twice must not fill the heap. */
  private static final int MOST_NODES = 1 << 16;
  /** Inputs, outputs, attributes and initializers of these nodes: a single node may have as many as its file has bytes. */
  private static final int MOST_PARTS = 1 << 19;
  private static final int MOST_CHARACTERS = 1 << 24;
  private static final int DEEPEST = 64;
  /** Graphs in nodes of graphs; each level is inferred again by all around it. */
  private static final int DEEPEST_GRAPHS = 32;
  private static final int LONGEST_LABEL = 200;

  private final String file;
  private final Map<String, OnnxFunction> functions;
  private final Set<String> open = new LinkedHashSet<>();
  private int graphs;
  private int calls;
  private int made;
  private long parts;
  private long characters;

  private FunctionInliner(String file, Map<String, OnnxFunction> functions) {
    this.file = file;
    this.functions = functions;
  }

  /** The nodes without calls of {@code functions}. */
  static List<Node> inline(String file, List<Node> nodes, Map<String, OnnxFunction> functions) {
    return functions.isEmpty() ? nodes : new FunctionInliner(file, functions).nodes(nodes);
  }

  private List<Node> nodes(List<Node> nodes) {
    List<Node> all = new ArrayList<>();
    for (Node node : nodes) {
      OnnxFunction function = functions.get(OnnxFunction.key(node.domain(), node.operation(), node.overload()));
      if (function != null) {
        all.addAll(body(node, function));
      } else {
        all.add(withGraphs(node));
      }
    }
    List<Node> numbered = new ArrayList<>(all.size());
    for (Node n : all) {
      numbered.add(new Node(numbered.size(), n.name(), n.domain(), n.operation(), n.overload(), n.inputs(), n.outputs(),
          n.attributes()));
    }
    return numbered;
  }

  private Node withGraphs(Node node) {
    if (node.attributes().values().stream().allMatch(a -> a.graph() == null)) {
      return node;
    }
    if (++graphs > DEEPEST_GRAPHS) {
      throw new OnnxException(file + ": " + node.label() + ": " + node.operation() + " is nested more than " + DEEPEST_GRAPHS + " deep");
    }
    Map<String, OnnxAttribute> attributes = new LinkedHashMap<>(node.attributes());
    attributes.replaceAll((name, a) -> a.graph() == null ? a : a.with(new OnnxSubgraph(nodes(a.graph().nodes()),
        a.graph().initializers(), a.graph().inputs(), a.graph().outputs())));
    graphs--;
    return new Node(node.index(), node.name(), node.domain(), node.operation(), node.overload(), node.inputs(), node.outputs(),
        attributes);
  }

  private List<Node> body(Node call, OnnxFunction function) {
    String where = file + ": " + call.label() + ": function " + function.name();
    if (!open.add(function.key())) {
      throw new OnnxException(where + " calls itself");
    }
    if (open.size() > DEEPEST) {
      throw new OnnxException(where + ": functions call functions more than " + DEEPEST + " deep");
    }
    if (call.inputs().size() > function.inputs().size() || call.outputs().size() > function.outputs().size()) {
      throw new OnnxException(where + " takes " + function.inputs().size() + " inputs and gives " + function.outputs().size()
          + " outputs, the node has " + call.inputs().size() + " and " + call.outputs().size());
    }
    count(function.nodes());
    String prefix = shortened(function.name()) + "_" + ++calls + "/";
    Map<String, String> names = new HashMap<>();
    for (int i = 0; i < function.inputs().size(); i++) {
      names.put(function.inputs().get(i), call.input(i));
    }
    List<Node> body = new ArrayList<>();
    for (int i = 0; i < call.outputs().size(); i++) {
      String inside = function.outputs().get(i);
      if (!call.outputs().get(i).isEmpty() && names.containsKey(inside)) { // an input, or one more name of an output
        body.add(new Node(0, call.name(), "", "Identity", "", List.of(names.get(inside)), List.of(call.outputs().get(i)), Map.of()));
      } else if (!call.outputs().get(i).isEmpty()) {
        names.put(inside, call.outputs().get(i));
      }
    }
    UnaryOperator<String> name = n -> n.isEmpty() ? n : names.containsKey(n) ? names.get(n) : counted(prefix + n);
    String caller = shortened(call.name().isEmpty() ? function.name() : call.name());
    for (Node inner : function.nodes()) {
      body.add(instance(inner, counted(caller + "/" + inner.name()), call, function, name));
    }
    List<Node> flat = nodes(body);
    open.remove(function.key());
    return flat;
  }

  /** Nodes that are about to be made once more. */
  private void count(List<Node> nodes) {
    made += nodes.size();
    if (made > MOST_NODES) {
      throw new OnnxException(file + ": the model's functions make more than " + MOST_NODES + " nodes");
    }
    nodes.forEach(n -> countParts((long) n.inputs().size() + n.outputs().size() + n.attributes().size()));
  }

  private void countParts(long more) {
    parts += more;
    if (parts > MOST_PARTS) {
      throw new OnnxException(file + ": the nodes that the model's functions make have more than " + MOST_PARTS + " inputs, outputs and attributes");
    }
  }

  private static String shortened(String label) {
    return label.length() > LONGEST_LABEL ? label.substring(0, LONGEST_LABEL) : label;
  }

  private String counted(String made) {
    characters += made.length();
    if (characters > MOST_CHARACTERS) {
      throw new OnnxException(file + ": the names in the model's functions are too long for how often they are called");
    }
    return made;
  }

  /** A node of a body with the caller's names and attributes. */
  private Node instance(Node inner, String label, Node call, OnnxFunction function, UnaryOperator<String> name) {
    Map<String, OnnxAttribute> attributes = new LinkedHashMap<>();
    inner.attributes().forEach((key, a) -> {
      OnnxAttribute actual = a;
      if (!a.reference().isEmpty()) {
        actual = call.attributes().getOrDefault(a.reference(), function.defaults().get(a.reference()));
      }
      if (actual != null) {
        attributes.put(key, actual.graph() == null || actual != a ? actual.named(key)
            : a.with(renamed(a.graph(), label, call, function, name)));
      }
    });
    return new Node(0, label, inner.domain(), inner.operation(), inner.overload(), inner.inputs().stream().map(name).toList(),
        inner.outputs().stream().map(name).toList(), attributes);
  }

  private OnnxSubgraph renamed(OnnxSubgraph graph, String label, Node call, OnnxFunction function, UnaryOperator<String> name) {
    count(graph.nodes());
    countParts((long) graph.initializers().size() + graph.inputs().size() + graph.outputs().size());
    List<Node> nodes = new ArrayList<>();
    for (Node n : graph.nodes()) {
      nodes.add(instance(n, counted(shortened(label) + "/" + n.name()), call, function, name));
    }
    Map<String, OnnxTensor> initializers = new LinkedHashMap<>();
    graph.initializers().forEach((key, t) -> initializers.put(name.apply(key), t));
    return new OnnxSubgraph(nodes, initializers, renamed(graph.inputs(), name), renamed(graph.outputs(), name));
  }

  private static List<ValueInfo> renamed(List<ValueInfo> values, UnaryOperator<String> name) {
    return values.stream().map(v -> new ValueInfo(name.apply(v.name()), v.elementType(), v.shape(), v.other())).toList();
  }
}
