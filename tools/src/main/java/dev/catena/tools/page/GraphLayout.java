package dev.catena.tools.page;

import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.eclipse.elk.alg.layered.LayeredLayoutProvider;
import org.eclipse.elk.alg.layered.options.LayeredOptions;
import org.eclipse.elk.core.data.LayoutMetaDataService;
import org.eclipse.elk.core.math.ElkPadding;
import org.eclipse.elk.core.options.Direction;
import org.eclipse.elk.core.options.EdgeLabelPlacement;
import org.eclipse.elk.core.options.EdgeRouting;
import org.eclipse.elk.core.options.PortConstraints;
import org.eclipse.elk.core.options.PortSide;
import org.eclipse.elk.core.util.BasicProgressMonitor;
import org.eclipse.elk.graph.ElkEdge;
import org.eclipse.elk.graph.ElkEdgeSection;
import org.eclipse.elk.graph.ElkLabel;
import org.eclipse.elk.graph.ElkNode;
import org.eclipse.elk.graph.ElkPort;
import org.eclipse.elk.graph.util.ElkGraphUtil;

/**
 * Places for a graph's boxes and lines, by layers from the top down. Sizes are in CSS pixels, for a monospaced font of 12
 * pixels (titles 13).
 */
final class GraphLayout {
  static final double LINE = 15;
  static final double TITLE = 18;
  private static final double PADDING = 9;
  private static final double CHARACTER = 7.3;
  private static final double TITLE_CHARACTER = 8;
  private static final double LABEL_CHARACTER = 6.1;
  private static final double LABEL_LINE = 12;
  private static final double LABEL_SPACE = 12;

  static {
    LayoutMetaDataService.getInstance();   // outside Eclipse ELK knows its options' types only once somebody asked for them
  }

  record Box(double x, double y, double width, double height) {}

  /**
   * @param points x and y in turns, at least two points
   * @param label  empty where another line of the same value has it
   */
  record Line(List<Double> points, String label, double labelX, double labelY) {}

  private final List<Box> boxes = new ArrayList<>();
  private final List<Line> lines = new ArrayList<>();
  private final double width;
  private final double height;

  GraphLayout(StageGraph graph) {
    ElkNode root = ElkGraphUtil.createGraph();
    root.setProperty(LayeredOptions.DIRECTION, Direction.DOWN);
    root.setProperty(LayeredOptions.EDGE_ROUTING, EdgeRouting.ORTHOGONAL);
    root.setProperty(LayeredOptions.PADDING, new ElkPadding(12));
    root.setProperty(LayeredOptions.SPACING_NODE_NODE, 22.0);
    root.setProperty(LayeredOptions.SPACING_EDGE_NODE, 12.0);
    root.setProperty(LayeredOptions.SPACING_EDGE_EDGE, 9.0);
    root.setProperty(LayeredOptions.SPACING_NODE_NODE_BETWEEN_LAYERS, 22.0);
    root.setProperty(LayeredOptions.SPACING_EDGE_NODE_BETWEEN_LAYERS, 10.0);
    root.setProperty(LayeredOptions.SPACING_EDGE_LABEL, 3.0);
    List<ElkNode> nodes = new ArrayList<>();
    for (StageGraph.Node n : graph.nodes()) {
      nodes.add(node(root, n));
    }
    Map<Value, ElkPort> ports = new IdentityHashMap<>();   // one for each value: its lines leave together
    List<ElkEdge> edges = new ArrayList<>();
    Map<ElkEdge, ElkLabel> labels = new HashMap<>();
    for (StageGraph.Edge e : graph.edges()) {
      boolean first = !ports.containsKey(e.value());
      ElkPort port = ports.computeIfAbsent(e.value(), v -> port(nodes.get(e.from())));
      ElkEdge edge = ElkGraphUtil.createSimpleEdge(port, nodes.get(e.to()));
      if (first && StageGraph.hasLabel(e.value())) {
        labels.put(edge, label(edge, TypeText.brief(e.value().type())));
      }
      edges.add(edge);
    }
    new LayeredLayoutProvider().layout(root, new BasicProgressMonitor());
    nodes.forEach(n -> boxes.add(new Box(n.getX(), n.getY(), n.getWidth(), n.getHeight())));
    edges.forEach(e -> lines.add(line(e, labels.get(e))));
    width = root.getWidth();
    height = root.getHeight();
  }

  private static ElkNode node(ElkNode root, StageGraph.Node n) {
    double widest = n.title().length() * TITLE_CHARACTER;
    for (String line : n.lines()) {
      widest = Math.max(widest, columns(line) * CHARACTER);
    }
    if (n.operation() != null && n.operation().results().size() > 1) {   // each result's line has its type beside it
      widest = Math.max(widest, n.operation().results().stream().filter(StageGraph::hasLabel)
          .mapToDouble(r -> columns(TypeText.brief(r.type())) * LABEL_CHARACTER + LABEL_SPACE).sum());
    }
    ElkNode node = ElkGraphUtil.createNode(root);
    node.setDimensions(Math.max(48, widest + 2 * PADDING), TITLE + n.lines().size() * LINE + PADDING);
    node.setProperty(LayeredOptions.PORT_CONSTRAINTS, PortConstraints.FIXED_SIDE);
    return node;
  }

  /** Places on a line: what East Asian scripts write is twice as wide. */
  private static int columns(String text) {
    return text.codePoints().map(c -> c >= 0x1100 ? 2 : 1).sum();
  }

  private static ElkPort port(ElkNode node) {
    ElkPort port = ElkGraphUtil.createPort(node);
    port.setProperty(LayeredOptions.PORT_SIDE, PortSide.SOUTH);
    return port;
  }

  private static ElkLabel label(ElkEdge edge, String text) {
    ElkLabel label = ElkGraphUtil.createLabel(text, edge);
    label.setDimensions(columns(text) * LABEL_CHARACTER, LABEL_LINE);
    label.setProperty(LayeredOptions.EDGE_LABELS_PLACEMENT, EdgeLabelPlacement.TAIL);
    return label;
  }

  private static Line line(ElkEdge edge, ElkLabel label) {
    ElkEdgeSection section = edge.getSections().get(0);
    List<Double> points = new ArrayList<>(List.of(section.getStartX(), section.getStartY()));
    section.getBendPoints().forEach(p -> points.addAll(List.of(p.getX(), p.getY())));
    points.addAll(List.of(section.getEndX(), section.getEndY()));
    return label == null ? new Line(points, "", 0, 0) : new Line(points, label.getText(), label.getX(), label.getY());
  }

  /** In the order of the graph's nodes. */
  List<Box> boxes() {
    return boxes;
  }

  /** In the order of the graph's edges. */
  List<Line> lines() {
    return lines;
  }

  double width() {
    return width;
  }

  double height() {
    return height;
  }
}
