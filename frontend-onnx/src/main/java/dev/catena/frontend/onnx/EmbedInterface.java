package dev.catena.frontend.onnx;

import dev.catena.frontend.onnx.OnnxGraph.Node;
import dev.catena.frontend.onnx.OnnxGraph.ValueInfo;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What the inputs of an embed piece are for: token ids, and positions where the model has learned ones. */
final class EmbedInterface {
  private EmbedInterface() {}

  /** Whether the graph looks up one or two inputs of integers and gives one output. */
  static boolean fits(OnnxGraph graph) {
    return graph.outputs().size() == 1 && (graph.inputs().size() == 1 || graph.inputs().size() == 2)
        && graph.inputs().stream().allMatch(Pieces::isInteger);
  }

  /** By role, ids first: the names tell, else ids pick rows of the larger table. */
  static Map<String, ValueInfo> inputs(OnnxGraph graph) {
    List<ValueInfo> given = graph.inputs();
    Map<String, ValueInfo> roles = new LinkedHashMap<>();
    if (given.size() == 1) {
      roles.put("ids", given.get(0));
      return roles;
    }
    boolean firstSays = saysPositions(given.get(0));
    int positions = firstSays != saysPositions(given.get(1)) ? firstSays ? 0 : 1
        : rowsPicked(graph, given.get(0)) >= rowsPicked(graph, given.get(1)) ? 1 : 0;
    roles.put("ids", given.get(1 - positions));
    roles.put("positions", given.get(positions));
    return roles;
  }

  private static boolean saysPositions(ValueInfo input) {
    return input.name().toLowerCase(Locale.ROOT).contains("pos");
  }

  private static long rowsPicked(OnnxGraph graph, ValueInfo input) {
    long rows = -1;
    for (Node n : graph.nodes()) {
      if (n.is("Gather") && n.inputs().size() > 1 && n.input(1).equals(input.name())) {
        OnnxTensor table = graph.initializers().get(n.input(0));
        rows = Math.max(rows, table == null || table.dims().length == 0 ? -1 : table.dims()[0]);
      }
    }
    return rows;
  }
}
