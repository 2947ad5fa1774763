package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Block;
import dev.catena.ir.Dialects;
import dev.catena.ir.Dim;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A part of a whole model as a stage of its own: everything that its outputs are computed from, back to its arguments.
 * Sizes of values that lie in other stages (of the token ids, of the first layer's past) are told from the arguments.
 */
final class StageCopy {
  private final WholeModel model;
  private final Stage stage;
  private final Map<Value, Value> copies = new IdentityHashMap<>();
  private final Map<String, Value> offered = new LinkedHashMap<>();
  /** Arguments by what they are for, in order; those that are only offered have no copy yet. */
  private final Map<String, Value> roles = new LinkedHashMap<>();
  private final Map<Value, TensorType> types = new IdentityHashMap<>();

  StageCopy(WholeModel model, String name, Pieces.Role role) {
    this.model = model;
    stage = new Stage(name);
    stage.setAttribute("role", new Attribute.Text(role.text()));
    if (model.caches().isEmpty() && role.readsPast()) {
      stage.setAttribute("past", new Attribute.Text("none"));
    }
  }

  /** The stage takes {@code original} from outside. */
  void argument(String role, Value original, TensorType type) {
    roles.put(role, original);
    types.put(original, type);
  }

  /** The stage may take {@code original}, which may be null, from outside, if it needs it. */
  void offer(String role, Value original) {
    if (original != null) {
      argument(role, original, original.tensorType());
      offered.put(role, original);
    }
  }

  Stage end(String role, Value output) {
    return end(List.of(role), List.of(output));
  }

  Stage end(List<String> outputRoles, List<Value> outputs) {
    Set<Value> available = available();
    for (Value output : outputs) {
      if (!available.contains(output)) {
        throw unavailable(output, available);
      }
    }
    Set<Operation> needed = needed(outputs, available);
    roles.forEach((role, original) -> {
      boolean read = needed.stream().anyMatch(op -> op.operands().contains(original)
          && !(DataFlow.asksSize(op) && !available.contains(op.operand(0))))
          || role.equals("past_key") && needed.stream().anyMatch(op -> asksPast(op, available));
      if (read || !offered.containsKey(role)) {
        Value argument = stage.addArgument(NameHints.plain(original.isArgument() ? original.name() : role),
            types.get(original));
        copies.put(original, argument);
        stage.setAttribute("arg." + role, new Attribute.Text(argument.name()));
      }
    });
    for (Operation op : model.stage().operations()) {
      if (needed.contains(op)) {
        copy(op, available);
      }
    }
    for (int i = 0; i < outputs.size(); i++) {
      String role = outputRoles.get(i);
      Value v = copies.getOrDefault(outputs.get(i), outputs.get(i));
      stage.addOutput(role, v);
      stage.setAttribute("out." + role, new Attribute.Text(role));
    }
    return stage;
  }

  /** Whether an operation needs to know how long the past is, of a value that isn't here. */
  private boolean asksPast(Operation op, Set<Value> available) {
    if (!DataFlow.asksSize(op) || available.contains(op.operand(0))) {
      return false;
    }
    List<Dim> dims = op.operand(0).tensorType().shape();
    int start = bound(op.intAttribute("start", 0), dims.size());
    int end = Math.max(start, bound(op.intAttribute("end", dims.size()), dims.size()));
    List<Dim> ids = model.ids().tensorType().shape();
    return dims.subList(start, end).stream().anyMatch(d -> !d.isKnown() && !ids.contains(d));
  }

  /** What can be computed from the arguments; sizes always can be. */
  private Set<Value> available() {
    Set<Value> available = DataFlow.values();
    available.addAll(roles.values());
    for (Operation op : model.stage().operations()) {
      if (DataFlow.asksSize(op) || op.operands().stream().allMatch(v -> v == null || v.weight() != null
          || available.contains(v))) {
        available.addAll(op.results());
      }
    }
    return available;
  }

  private Set<Operation> needed(List<Value> outputs, Set<Value> available) {
    Set<Operation> needed = Collections.newSetFromMap(new IdentityHashMap<>());
    ArrayDeque<Value> open = new ArrayDeque<>(outputs);
    while (!open.isEmpty()) {
      Value v = open.pop();
      if (roles.containsValue(v) || v.producer() == null || !needed.add(v.producer())) {
        continue;
      }
      Operation op = v.producer();
      if (!DataFlow.asksSize(op) || available.contains(op.operand(0))) {
        op.operands().stream().filter(o -> o != null).forEach(open::push);
      }
    }
    return needed;
  }

  private void copy(Operation op, Set<Value> available) {
    if (DataFlow.asksSize(op) && !available.contains(op.operand(0))) {
      copies.put(op.result(), size(op));
      return;
    }
    List<Value> operands = new ArrayList<>();
    op.operands().forEach(v -> operands.add(copies.getOrDefault(v, v)));
    List<Block> regions = op.regions().stream().map(Block::copy).toList();
    Operation copy = stage.append(op.definition(), operands, op.attributes(), op.results().size(), regions);
    copy.setOrigin(op.origin());
    for (int i = 0; i < op.results().size(); i++) {
      copy.result(i).rename(op.result(i).name());
      copies.putIfAbsent(op.result(i), copy.result(i));
    }
  }

  private OnnxException unavailable(Value output, Set<Value> available) {
    for (Operation op : model.stage().operations()) {
      for (Value v : op.operands()) {
        if (v != null && v.weight() == null && !available.contains(v) && v.isArgument()
            && DataFlow.into(model.stage(), output).contains(op.result(0))) {
          return new OnnxException(op.origin() + ": reads '" + v.name() + "', which " + stage.name()
              + " gets no other way than through the hidden state; split the model into embed, decoder-N, norm and head"
              + " pieces");
        }
      }
    }
    return new OnnxException(model.file() + ": " + stage.name() + " can't be cut out of the model: '" + output.name()
        + "' isn't computed from the hidden state; split the model into embed, decoder-N, norm and head pieces");
  }

  /** The sizes of a value that isn't in this stage. */
  private Value size(Operation op) {
    List<Dim> dims = op.operand(0).tensorType().shape();
    List<Value> parts = new ArrayList<>();
    if (op.is("onnx.Size")) {
      throw new OnnxException(op.origin() + ": Size of a value outside " + stage.name() + " isn't supported; split the model"
          + " into embed, decoder-N, norm and head pieces");
    }
    int rank = dims.size();
    int start = bound(op.intAttribute("start", 0), rank);
    int end = bound(op.intAttribute("end", rank), rank);
    for (int i = start; i < Math.max(start, end); i++) {
      parts.add(size(op, op.operand(0), i));
    }
    if (parts.isEmpty()) {
      return constant(op, new long[0]);
    }
    return parts.size() == 1 ? parts.get(0) : append(op, "onnx.Concat", parts, Map.of("axis", Attribute.of(0)));
  }

  private static int bound(long axis, int rank) {
    return (int) Math.max(0, Math.min(rank, axis < 0 ? axis + rank : axis));
  }

  private Value size(Operation op, Value of, int axis) {
    Dim d = of.tensorType().dim(axis);
    if (d.isKnown()) {
      return constant(op, d.value());
    }
    Map<Dim, Axis> sources = sources();
    if (sources.containsKey(d)) {
      return part(op, sources.get(d));
    }
    for (Map.Entry<Dim, Axis> a : sources.entrySet()) {
      for (Map.Entry<Dim, Axis> b : sources.entrySet()) {
        if (a.getKey().plus(b.getKey()).equals(d)) {
          return append(op, "onnx.Add", List.of(part(op, a.getValue()), part(op, b.getValue())), Map.of());
        }
      }
    }
    throw new OnnxException(op.origin() + ": needs the size " + d + ", which " + stage.name()
        + " can't tell from its arguments; split the model into embed, decoder-N, norm and head pieces");
  }

  /** An argument's axis. */
  private record Axis(Value argument, int number) {}

  /** Which argument tells which dimension; all layers' pasts are equally long. */
  private Map<Dim, Axis> sources() {
    Map<Dim, Axis> sources = new LinkedHashMap<>();
    Value rows = copies.get(roles.getOrDefault("hidden", model.ids()));
    sources.put(model.ids().tensorType().dim(0), new Axis(rows, 0));
    sources.putIfAbsent(model.ids().tensorType().dim(1), new Axis(rows, 1));
    // Keys may be kept turned, [batch, heads, size, past].
    Value past = copies.get(roles.containsKey("past_value") ? roles.get("past_value") : roles.get("past_key"));
    for (Value other : past == null ? Set.<Value>of() : model.caches().keySet()) {
      Dim length = other.tensorType().dim(2);
      sources.putIfAbsent(length.isKnown() ? other.tensorType().dim(3) : length, new Axis(past, 2));
      sources.putIfAbsent(other.tensorType().dim(0), new Axis(rows, 0));
    }
    return sources;
  }

  private Value part(Operation op, Axis axis) {
    return append(op, "onnx.Shape", List.of(axis.argument), Map.of("start", Attribute.of(axis.number), "end",
        Attribute.of(axis.number + 1)));
  }

  private Value constant(Operation op, long... values) {
    return append(op, "onnx.Constant", List.of(), Map.of("value", new Attribute.Dense(Tensor.i64(values, values.length))));
  }

  private Value append(Operation op, String operation, List<Value> operands, Map<String, Attribute> attributes) {
    return stage.append(Dialects.get(operation), operands, attributes, 1).setOrigin(op.origin()).result();
  }
}
