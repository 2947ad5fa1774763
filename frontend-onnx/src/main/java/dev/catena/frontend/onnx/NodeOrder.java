package dev.catena.frontend.onnx;

import dev.catena.frontend.onnx.OnnxGraph.Node;
import dev.catena.frontend.onnx.OnnxGraph.ValueInfo;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/** The nodes of a graph so that each stands after those it reads from; checks that every name is defined once. */
final class NodeOrder {
  private enum State { OPEN, DONE }

  private NodeOrder() {}

  static List<Node> of(OnnxGraph graph) {
    Set<String> given = new HashSet<>(graph.initializers().keySet());
    for (ValueInfo input : graph.inputs()) {
      given.add(input.name());
    }
    return of(graph.fileName(), graph.nodes(), given::contains);
  }

  /** @param given whether a name is known before the first node */
  static List<Node> of(String file, List<Node> nodes, Predicate<String> given) {
    Map<String, Node> producers = new HashMap<>();
    for (Node node : nodes) {
      for (String output : node.outputs()) {
        if (output.isEmpty()) {
          continue;
        }
        if (given.test(output)) {
          throw new OnnxException(file + ": " + node.label() + ": output '" + output
              + "' has the name of an input or initializer");
        }
        Node other = producers.put(output, node);
        if (other != null) {
          throw new OnnxException(file + ": " + node.label() + ": output '" + output
              + "' is computed by " + other.label() + " too");
        }
      }
    }
    List<Node> order = new ArrayList<>(nodes.size());
    State[] state = new State[nodes.size()];
    Deque<Node> path = new ArrayDeque<>();
    for (Node root : nodes) {
      path.push(root);
      while (!path.isEmpty()) {
        Node node = path.peek();
        if (state[node.index()] == State.DONE) {
          path.pop();
          continue;
        }
        boolean first = state[node.index()] == null;
        state[node.index()] = State.OPEN;
        boolean ready = true;
        for (String input : node.reads()) {
          if (given.test(input)) {
            continue;
          }
          Node producer = producers.get(input);
          if (producer == null) {
            throw new OnnxException(file + ": " + node.label() + ": input '" + input
                + "' is defined nowhere");
          }
          State s = state[producer.index()];
          if (s == null) {
            path.push(producer);
            ready = false;
          } else if (s == State.OPEN && first) {
            throw new OnnxException(file + ": " + node.label() + " is part of a cycle (through '" + input + "')");
          }
        }
        if (ready) {
          state[node.index()] = State.DONE;
          order.add(node);
          path.pop();
        }
      }
    }
    return order;
  }
}
