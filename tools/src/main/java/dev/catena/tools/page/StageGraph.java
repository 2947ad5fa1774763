package dev.catena.tools.page;

import dev.catena.ir.Attribute;
import dev.catena.ir.KvType;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.Operation;
import dev.catena.ir.Printer;
import dev.catena.ir.SeqsType;
import dev.catena.ir.Stage;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * A stage as boxes and lines: arguments, operations, outputs. Constants and weights are written into the boxes of the
 * operations that read them, since lines to them would hide the way the data goes.
 */
public final class StageGraph {
  /** Characters of a line in a box; what is longer ends in an ellipsis. */
  private static final int LONGEST = 46;
  /** Attributes that aren't worth room in a box: elements of constants, and what the memory plan shows. */
  private static final Set<String> NOT_IN_BOX = Set.of("value", "place");

  public enum Kind { ARGUMENT, OPERATION, OUTPUT }

  /**
   * @param title     the operation's name without its dialect, or the argument's or output's
   * @param lines     weights, constants and attributes, cut to what a box has room for
   * @param operation null for arguments and outputs
   * @param value     the argument or the output, else null
   */
  public record Node(Kind kind, String title, List<String> lines, Operation operation, Value value) {}

  /** A value on its way from the node that gives it to one that reads it. */
  public record Edge(int from, int to, Value value) {
    /** Whether it is the step's bookkeeping (sequences, a cache) rather than a tensor. */
    public boolean isState() {
      return value.type() instanceof SeqsType || value.type() instanceof KvType;
    }
  }

  private final List<Node> nodes = new ArrayList<>();
  private final List<Edge> edges = new ArrayList<>();
  private final Map<Value, Integer> giver = new IdentityHashMap<>();

  private final String stage;

  private StageGraph(String stage) {
    this.stage = stage;
  }

  public static StageGraph of(Stage stage) {
    StageGraph g = new StageGraph(stage.name());
    for (Value a : stage.arguments()) {
      g.giver.put(a, g.nodes.size());
      g.nodes.add(new Node(Kind.ARGUMENT, a.name(), List.of(cut(TypeText.brief(a.type()))), null, a));
    }
    for (Operation op : stage.operations()) {
      if (!isInlined(op)) {
        g.add(op);
      }
    }
    for (int i = 0; i < stage.outputs().size(); i++) {
      Value v = stage.outputs().get(i);
      List<String> lines = List.of(cut(v.weight() == null ? TypeText.brief(v.type()) : g.weight(v)));
      g.nodes.add(new Node(Kind.OUTPUT, stage.outputNames().get(i), lines, null, v));
      g.connect(v, g.nodes.size() - 1);
    }
    return g;
  }

  /** How many boxes a stage takes, without making them. */
  static long size(Stage stage) {
    return stage.arguments().size() + stage.outputs().size()
        + stage.operations().stream().filter(op -> !isInlined(op)).count();
  }

  /** Whether a value's line says its type: those of arguments and outputs stand in their boxes. */
  static boolean hasLabel(Value v) {
    return !v.isArgument() && v.uses().stream().anyMatch(u -> u.user() != null);
  }

  private static boolean isInlined(Operation op) {
    return op.definition().has(Trait.CONSTANT) && op.results().stream()
        .allMatch(r -> r.constant() != null && r.uses().stream().allMatch(u -> u.user() != null));
  }

  private void add(Operation op) {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < op.operands().size(); i++) {
      Value v = op.operand(i);
      if (v != null && v.weight() != null) {
        lines.add(cut(weight(v)));
      } else if (v != null && v.producer() != null && isInlined(v.producer())) {
        lines.add(cut(operandName(op, i) + " = " + constant(v.producer())));
      }
    }
    List<String> attributes = new ArrayList<>();
    op.attributes().forEach((name, value) -> {
      if (!NOT_IN_BOX.contains(name)) {
        attributes.add(name + " = " + attribute(value));
      }
    });
    if (!attributes.isEmpty()) {
      lines.add(cut(String.join(", ", attributes)));
    }
    for (int i = 0; i < op.regions().size(); i++) {
      Map<String, Integer> counts = new TreeMap<>();
      OperationTally.add(op.regions().get(i), counts);
      lines.add(cut(op.definition().regions().get(i) + ": " + counts.values().stream().mapToInt(Integer::intValue).sum()
          + " operations"));
    }
    int index = nodes.size();
    nodes.add(new Node(Kind.OPERATION, op.name().substring(op.name().indexOf('.') + 1), List.copyOf(lines), op, null));
    op.results().forEach(r -> giver.put(r, index));
    op.operands().forEach(v -> connect(v, index));
  }

  private void connect(Value v, int to) {
    Integer from = v == null ? null : giver.get(v);
    if (from != null && edges.stream().noneMatch(e -> e.to() == to && e.value() == v)) {
      edges.add(new Edge(from, to, v));
    }
  }

  /** In its own stage a weight needs no stage before its name. */
  private String weight(Value v) {
    String name = v.weight().name();
    return "@" + (name.startsWith(stage + ".") ? name.substring(stage.length() + 1) : name) + " "
        + TypeText.brief(v.type()) + bytes(TypeText.bytes(v.type()));
  }

  private static String bytes(long bytes) {
    return bytes < 1024 ? "" : bytes < 1 << 20 ? " · " + Math.round(bytes / 0x1p10) + " KiB"
        : String.format(Locale.ROOT, " · %.1f MiB", bytes / 0x1p20);
  }

  /** An operand by the name it is declared with; the last declared one may stand for several. */
  static String operandName(Operation op, int index) {
    List<OpDefinition.OperandSpec> declared = op.definition().operands();
    return declared.isEmpty() ? "operand" : declared.get(Math.min(index, declared.size() - 1)).name();
  }

  private static String constant(Operation op) {
    return op.attribute("value") == null ? "?" : attribute(op.attribute("value"));
  }

  /** Elements without the type that the details give. */
  private static String attribute(Attribute a) {
    if (a instanceof Attribute.Real r) {
      return Float.toString((float) r.value());
    }
    String text = Printer.attribute(a);
    if (a instanceof Attribute.Dense) {
      String elements = text.substring(text.indexOf("], [") + "], ".length(), text.length() - 1);
      return text.contains(", [], [") ? elements.substring(1, elements.length() - 1) : elements;
    }
    return text;
  }

  private static String cut(String line) {
    return line.length() <= LONGEST ? line : line.substring(0, LONGEST - 1) + "…";
  }

  /** Arguments first, then operations in the stage's order, outputs last. */
  public List<Node> nodes() {
    return nodes;
  }

  public List<Edge> edges() {
    return edges;
  }
}
