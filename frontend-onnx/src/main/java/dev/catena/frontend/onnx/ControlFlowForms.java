package dev.catena.frontend.onnx;

import dev.catena.frontend.onnx.OnnxGraph.Node;
import dev.catena.frontend.onnx.OnnxGraph.ValueInfo;
import dev.catena.ir.Attribute;
import dev.catena.ir.Block;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Type;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Imports If, Loop and Scan: nodes with graphs inside, which read names from around them. */
final class ControlFlowForms {
  /** Imports what is inside, by the same rules as what is around it. */
  interface Nodes {
    /** The value of that name; an error where none has it. */
    Value value(String name);

    void importNode(Node node);
  }

  /** How often a loop's body is imported while its sizes turn out to change one after the other. */
  private static final int MOST_ATTEMPTS = 4;

  private final OnnxGraph graph;
  private final StageBuilder out;
  private final NameHints hints;
  private final ScopedNames names;
  private final SequenceForms sequences;
  private final Nodes nodes;
  /** Inside a loop whose sizes change: nothing is taken for known of what goes round. */
  private boolean cautious;

  ControlFlowForms(OnnxGraph graph, StageBuilder out, NameHints hints, ScopedNames names, SequenceForms sequences, Nodes nodes) {
    this.graph = graph;
    this.out = out;
    this.hints = hints;
    this.names = names;
    this.sequences = sequences;
    this.nodes = nodes;
  }

  static boolean isControlFlow(Node node) {
    return node.is("If") || node.is("Loop") || node.is("Scan");
  }

  /** A value for each of the node's outputs. */
  List<Value> convert(Node node) {
    return node.is("If") ? importBranch(node) : node.is("Loop") ? importLoop(node) : importScan(node);
  }

  /** An If on something that is known, a shape mostly, is the branch it takes; any other stays a choice. */
  private List<Value> importBranch(Node node) {
    Value condition = node.input(0).isEmpty() ? null : nodes.value(node.input(0));
    if (condition == null) {
      throw out.broken("lacks the input 'cond'");
    }
    Dim[] known = condition.contents();
    if (known == null || known.length != 1 || !known[0].isKnown()) {
      return choice(node, condition);
    }
    names.enter(); // another If may use the same names inside
    List<Value> results = importNodes(node, branch(node, known[0].is(0) ? "else_branch" : "then_branch"));
    names.leave();
    return results;
  }

  private OnnxSubgraph branch(Node node, String name) {
    OnnxAttribute attribute = node.attributes().get(name);
    if (attribute == null || attribute.graph() == null || attribute.graph().outputs().size() < node.outputs().size()) {
      throw out.broken("lacks a branch with " + node.outputs().size() + " outputs: " + name);
    }
    return attribute.graph();
  }

  /** Both branches become regions; what they read from around them becomes operands, what is constant they repeat. */
  private List<Value> choice(Node node, Value condition) {
    OnnxSubgraph taken = branch(node, "then_branch");
    OnnxSubgraph other = branch(node, "else_branch");
    Map<String, Value> captured = captured(taken, other);
    captured.values().removeIf(v -> v.weight() != null);
    List<Value> operands = new ArrayList<>(List.of(condition));
    captured.values().stream().filter(v -> v.constant() == null).forEach(operands::add);
    List<Block> regions = List.of(region(node, taken, captured), region(node, other, captured));
    return out.append("If", operands, node.outputs().size(), regions).results();
  }

  /** What graphs read from around them, by name. */
  private Map<String, Value> captured(OnnxSubgraph... inner) {
    Map<String, Value> captured = new LinkedHashMap<>();
    for (OnnxSubgraph subgraph : inner) {
      for (String name : subgraph.captured()) {
        if (!name.isEmpty() && names.knows(name)) {
          captured.put(name, nodes.value(name));
        }
      }
    }
    return captured;
  }

  private Block region(Node node, OnnxSubgraph branch, Map<String, Value> captured) {
    Block region = new Block();
    names.enter();
    Map<String, List<Value>> around = sequences.enter();
    Block before = out.into(region);
    captured.forEach((name, v) -> names.put(name, v.constant() != null ? out.constant(v.constant(), name)
        : argument(region, name, v)));
    List<Value> results = importNodes(node, branch);
    results.subList(0, node.outputs().size()).forEach(region::addOutput);
    out.into(before);
    sequences.leave(around);
    names.leave();
    return region;
  }

  private Value argument(Block region, String name, Value captured) {
    Value argument = region.addArgument(hints.argument(name), captured.type());
    argument.setContents(captured.contents());
    return argument;
  }

  private OnnxSubgraph body(Node node, int inputs, int outputs) {
    OnnxAttribute attribute = node.attributes().get("body");
    if (attribute == null || attribute.graph() == null || attribute.graph().inputs().size() != inputs
        || attribute.graph().outputs().size() != outputs) {
      throw out.broken("lacks a body with " + inputs + " inputs and " + outputs + " outputs");
    }
    return attribute.graph();
  }

  private Value optional(Node node, int input) {
    return node.input(input).isEmpty() ? null : nodes.value(node.input(input));
  }

  /** A tensor of one element as one of rank 0. */
  private Value scalar(Value v) {
    return v == null || v.tensorType().rank() == 0 ? v : out.append("Reshape", v, out.constant(Tensor.i64(new long[0], 0), "scalar"));
  }

  private List<Value> given(Node node, int from, int to) {
    List<Value> given = new ArrayList<>();
    for (int i = from; i < to; i++) {
      if (node.input(i).isEmpty()) {
        throw out.broken("lacks its input " + i);
      }
      given.add(nodes.value(node.input(i)));
    }
    return given;
  }

  /** The body takes the number of the round, that it runs, and what goes round. */
  private List<Value> importLoop(Node node) {
    int carried = Math.max(0, node.inputs().size() - 2);
    OnnxSubgraph body = body(node, carried + 2, node.outputs().size() + 1);
    Value trips = scalar(optional(node, 0));
    Value condition = scalar(optional(node, 1));
    List<Value> first = given(node, 2, node.inputs().size());
    return looped(node, body, first, (loop, arguments) -> {
      List<Value> taken = new ArrayList<>();
      taken.add(like(loop.round(), body.inputs().get(0)));
      taken.add(like(out.constant(Tensor.ofLongs(ElementType.BOOL, new long[] {1}), "on"), body.inputs().get(1)));
      taken.addAll(arguments);
      return taken;
    }, (loop, given) -> loop.leave(trips, condition, scalar(given.get(0)), given.subList(1, carried + 1),
        given.subList(carried + 1, given.size())), 1);
  }

  /** A single value with the rank that the body says it takes. */
  private Value like(Value scalar, ValueInfo input) {
    return input.rank() != 1 ? scalar : out.append("Reshape", scalar, out.constant(Tensor.i64(new long[] {1}, 1), "single"));
  }

  /** The body takes states, and from each sequence the element of the round. */
  private List<Value> importScan(Node node) {
    if (graph.opset() < 9) {
      throw out.broken("is of opset 8, which had a batch; Catena knows that of opset 9");
    }
    OnnxAttribute count = node.attributes().get("num_scan_inputs");
    long sequences = count == null ? 0 : count.integer();
    if (sequences < 1 || sequences > node.inputs().size()) {
      throw out.broken("has num_scan_inputs = " + sequences + " for " + node.inputs().size() + " inputs");
    }
    int states = node.inputs().size() - (int) sequences;
    OnnxSubgraph body = body(node, node.inputs().size(), node.outputs().size());
    List<Value> read = given(node, states, node.inputs().size());
    List<Integer> axes = new ArrayList<>();
    for (int i = 0; i < sequences; i++) {
      axes.add(axis(listed(node, "scan_input_axes", i), read.get(i).tensorType().rank()));
    }
    Value trips = length(read.get(0), axes.get(0));
    List<Value> results = new ArrayList<>(looped(node, body, given(node, 0, states), (loop, arguments) -> {
      List<Value> taken = new ArrayList<>(arguments);
      for (int i = 0; i < sequences; i++) {
        Value at = loop.round();
        if (listed(node, "scan_input_directions", i) != 0) {
          Value last = out.append("Sub", loop.inside(trips), out.constant(Tensor.i64(new long[] {1}), "one"));
          at = out.append("Sub", last, at);
        }
        taken.add(out.append("Gather", List.of(loop.inside(read.get(i)), at), Map.of("axis", Attribute.of(axes.get(i))), 1).result());
      }
      return taken;
    }, (loop, given) -> loop.leave(trips, null, null, given.subList(0, states), given.subList(states, given.size())), 0));
    for (int i = states; i < results.size(); i++) {
      results.set(i, placed(node, results.get(i), i - states));
    }
    return results;
  }

  /** A stack as Scan gives it: along the axis and in the direction that are asked for. */
  private Value placed(Node node, Value stack, int output) {
    Value ordered = stack;
    if (listed(node, "scan_output_directions", output) != 0) {
      ordered = out.append("Slice", stack, integers(-1), integers(Long.MIN_VALUE), integers(0), integers(-1));
    }
    int rank = stack.tensorType().rank();
    int axis = axis(listed(node, "scan_output_axes", output), rank);
    if (axis == 0) {
      return ordered;
    }
    List<Long> order = new ArrayList<>(LongStream.range(1, rank).boxed().toList());
    order.add(axis, 0L);
    return out.append("Transpose", List.of(ordered), Map.of("perm", new Attribute.Ints(order)), 1).result();
  }

  private Value integers(long... values) {
    return out.constant(Tensor.i64(values, values.length), "sizes");
  }

  private Value length(Value v, int axis) {
    Value shape = out.append("Shape", List.of(v), Map.of("start", Attribute.of(axis), "end", Attribute.of(axis + 1)), 1).result();
    return scalar(shape);
  }

  private int axis(long axis, int rank) {
    if (axis < -rank || axis >= rank) {
      throw out.broken("has axis " + axis + " for a tensor of rank " + rank);
    }
    return (int) (axis < 0 ? axis + rank : axis);
  }

  private static long listed(Node node, String attribute, int index) {
    OnnxAttribute a = node.attributes().get(attribute);
    return a == null || a.integers() == null || index >= a.integers().length ? 0 : a.integers()[index];
  }

  /**
   * A loop whose body is a graph. A size that turns out to change from round to round was taken for known while the body was
   * imported: the body is then imported again without it, and all loops inside without any, so that it takes few attempts.
   *
   * @param inputs  what the body's inputs are, of the loop and what goes round
   * @param end     ends the loop, of what the body gives
   * @param skipped results of the body before those that go round
   */
  private List<Value> looped(Node node, OnnxSubgraph body, List<Value> first, BiFunction<LoopBuilder, List<Value>, List<Value>> inputs,
      BiFunction<LoopBuilder, List<Value>, List<Value>> end, int skipped) {
    Map<String, Value> captured = captured(body);
    List<Type> types = new ArrayList<>(first.stream().map(v -> cautious ? unsized(v.tensorType()) : v.type()).toList());
    boolean before = cautious;
    for (int attempt = 1;; attempt++) {
      LoopBuilder loop = new LoopBuilder(out, hints);
      List<Value> arguments = new ArrayList<>();
      for (int i = 0; i < first.size(); i++) {
        arguments.add(loop.carry(first.get(i).name(), first.get(i), types.get(i)));
      }
      loop.enter();
      names.enter();
      Map<String, List<Value>> around = sequences.enter();
      captured.forEach((name, v) -> names.put(name, loop.inside(v)));
      List<Value> taken = inputs.apply(loop, arguments);
      for (int i = 0; i < taken.size(); i++) {
        names.put(body.inputs().get(i).name(), taken.get(i));
      }
      List<Value> given = importNodes(node, body);
      sequences.leave(around);
      names.leave();
      boolean stays = true;
      for (int i = 0; i < first.size(); i++) {
        Type now = types.get(i);
        if (!unsized(given.get(i + skipped).tensorType()).equals(unsized((TensorType) now)) || given.get(i + skipped).type().equals(now)
            || now.equals(unsized((TensorType) now))) {
          continue; // what can't be helped is said when the loop is made
        }
        types.set(i, unsized((TensorType) now));
        stays = false;
      }
      if (stays) {
        cautious = before;
        return end.apply(loop, given);
      }
      if (attempt == MOST_ATTEMPTS) {
        types.replaceAll(type -> unsized((TensorType) type));
      }
      cautious = true;
      loop.abandon();
    }
  }

  /** The type without its dimensions. */
  private static TensorType unsized(TensorType type) {
    return type.withShape(IntStream.range(0, type.rank()).mapToObj(axis -> Dim.symbol("round_size_" + axis)).toList());
  }

  /** Imports a branch's nodes where the builder stands; gives the branch's results. */
  private List<Value> importNodes(Node node, OnnxSubgraph branch) {
    branch.initializers().forEach((name, tensor) -> {
      if (names.knows(name)) {
        throw out.broken("defines '" + name + "' a second time");
      }
      names.define(name, tensor);
    });
    for (Node inner : NodeOrder.of(graph.fileName(), branch.nodes(), names::knows)) {
      out.begin(inner);
      nodes.importNode(inner);
    }
    out.begin(node);
    List<Value> results = new ArrayList<>();
    for (ValueInfo output : branch.outputs()) {
      if (!names.knows(output.name())) {
        throw out.broken("gives '" + output.name() + "', which its branch doesn't compute");
      }
      results.add(nodes.value(output.name()));
    }
    return results;
  }
}
