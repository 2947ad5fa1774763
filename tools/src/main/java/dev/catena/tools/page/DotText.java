package dev.catena.tools.page;

import dev.catena.ir.Stage;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** A stage's graph in Graphviz's language (https://graphviz.org/doc/info/lang.html). */
public final class DotText {
  private DotText() {}

  public static String of(Stage stage) {
    StageGraph graph = StageGraph.of(stage);
    StringBuilder s = new StringBuilder("digraph " + quoted(stage.name()) + " {\n");
    s.append("  node [shape=box, style=rounded, fontname=\"monospace\", fontsize=10];\n");
    s.append("  edge [fontname=\"monospace\", fontsize=8];\n");
    for (int i = 0; i < graph.nodes().size(); i++) {
      StageGraph.Node n = graph.nodes().get(i);
      s.append("  n").append(i).append(" [label=").append(label(n));
      if (n.kind() != StageGraph.Kind.OPERATION) {
        s.append(", shape=oval");
      }
      s.append("];\n");
    }
    Set<Object> labelled = new HashSet<>();
    for (StageGraph.Edge e : graph.edges()) {
      s.append("  n").append(e.from()).append(" -> n").append(e.to());
      List<String> attributes = new ArrayList<>();
      if (StageGraph.hasLabel(e.value()) && labelled.add(e.value())) {   // a value that many read states its type once
        attributes.add("label=" + quoted(TypeText.brief(e.value().type())));
      }
      if (e.isState()) {
        attributes.add("style=dashed");
      }
      if (!attributes.isEmpty()) {
        s.append(" [").append(String.join(", ", attributes)).append(']');
      }
      s.append(";\n");
    }
    return s.append("}\n").toString();
  }

  private static String label(StageGraph.Node node) {
    String title = node.operation() == null ? node.title() : node.operation().name();
    StringBuilder s = new StringBuilder("\"").append(escaped(title));
    node.lines().forEach(line -> s.append("\\n").append(escaped(line)));
    return s.append('"').toString();
  }

  private static String quoted(String text) {
    return '"' + escaped(text) + '"';
  }

  /** Inside quotes Graphviz reads backslashes, in labels as escapes of its own; what isn't printable is shown by its number. */
  private static String escaped(String text) {
    return VisibleText.of(text).replace("\\", "\\\\").replace("\"", "\\\"");
  }
}
