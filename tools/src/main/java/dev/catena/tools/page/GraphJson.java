package dev.catena.tools.page;

import dev.catena.ir.Attribute;
import dev.catena.ir.Operation;
import dev.catena.ir.Printer;
import dev.catena.ir.Stage;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A stage's graph with the places of its boxes and lines, and what a box tells when it is picked. */
final class GraphJson {
  /** Characters of an attribute in the details; the text has the whole. */
  private static final int LONGEST_ATTRIBUTE = 400;

  private GraphJson() {}

  static Map<String, Object> of(Stage stage) {
    StageGraph graph = StageGraph.of(stage);
    GraphLayout layout = new GraphLayout(graph);
    List<Object> nodes = new ArrayList<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      nodes.add(node(graph.nodes().get(i), layout.boxes().get(i)));
    }
    List<Object> edges = new ArrayList<>();
    for (int i = 0; i < graph.edges().size(); i++) {
      StageGraph.Edge e = graph.edges().get(i);
      GraphLayout.Line line = layout.lines().get(i);
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("from", e.from());
      json.put("to", e.to());
      json.put("state", e.isState());
      json.put("points", line.points().stream().map(GraphJson::rounded).toList());
      if (!line.label().isEmpty()) {
        json.put("label", line.label());
        json.put("at", List.of(rounded(line.labelX()), rounded(line.labelY())));
      }
      edges.add(json);
    }
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("width", rounded(layout.width()));
    json.put("height", rounded(layout.height()));
    json.put("nodes", nodes);
    json.put("edges", edges);
    return json;
  }

  /** Half pixels. */
  private static Number rounded(double d) {
    double r = Math.round(d * 2) / 2.0;
    return r == Math.rint(r) ? (Number) (long) r : (Number) r;
  }

  private static Map<String, Object> node(StageGraph.Node n, GraphLayout.Box box) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("kind", n.kind().name().toLowerCase(java.util.Locale.ROOT));
    json.put("title", n.title());
    json.put("lines", n.lines());
    json.put("box", List.of(rounded(box.x()), rounded(box.y()), rounded(box.width()), rounded(box.height())));
    if (n.operation() == null) {
      json.put("type", n.value().type().text());
      return json;
    }
    Operation op = n.operation();
    json.put("op", op.name());
    json.put("does", does(op));
    json.put("doc", op.definition().doc());
    List<Object> operands = new ArrayList<>();
    for (int i = 0; i < op.operands().size(); i++) {
      Value v = op.operand(i);
      if (v != null) {
        operands.add(List.of(StageGraph.operandName(op, i), (v.weight() != null ? "@" : "%") + v.name(), v.type().text(),
            bytes(v)));
      }
    }
    json.put("operands", operands);
    json.put("results", op.results().stream().map(r -> List.of("%" + r.name(), r.type() == null ? "?" : r.type().text()))
        .toList());
    List<Object> attributes = new ArrayList<>();
    for (Map.Entry<String, Attribute> a : op.attributes().entrySet()) {
      String text = Printer.attribute(a.getValue());
      attributes.add(List.of(a.getKey(),
          text.length() <= LONGEST_ATTRIBUTE ? text : text.substring(0, LONGEST_ATTRIBUTE) + "…"));
    }
    json.put("attributes", attributes);
    json.put("origin", op.origin());
    return json;
  }

  /** What kind of work it is, for its colour. */
  private static String does(Operation op) {
    if (op.operands().stream().anyMatch(v -> v != null && v.weight() != null)) {
      return "weights";
    }
    if (op.definition().has(Trait.MOVES_DATA) || op.definition().has(Trait.SAME_ELEMENTS)) {
      return "moves";
    }
    return op.definition().has(Trait.ELEMENTWISE) ? "elementwise" : "computes";
  }

  private static long bytes(Value v) {
    return v.weight() == null ? 0 : TypeText.bytes(v.type());
  }
}
