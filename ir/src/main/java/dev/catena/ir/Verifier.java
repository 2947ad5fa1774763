package dev.catena.ir;

import java.util.Collections;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Checks what every module must fulfil, at every point of the pipeline:
 *
 * <ol>
 *   <li>dominance: an operand is a weight, an argument of its block, or a result of an operation before it in that block;
 *   <li>arity: operands, results, attributes and regions are those that the declaration names;
 *   <li>types: each result has the type that the shape function gives, each region's argument that of its operand
 *       (of what goes round in a loop, the element type and the rank);
 *   <li>symbols: stages, a block's arguments and a stage's outputs have different names; a weight is the module's of that
 *       name; {@code arg.…} and {@code out.…} of a stage name one of its arguments and outputs;
 *   <li>linearity: each version of a cache has at most one writer, and nobody reads or returns it behind that;
 *   <li>interfaces: the hidden state that a stage gives has the type that the next stage takes;
 *   <li>storage: a quantized matrix has two known dimensions, codes of u4 or u8, a group that fits its rows, real scales and
 *       zeros of the codes' type; a cache has positive heads, dim and page;
 *   <li>uses: a value knows exactly who reads it.
 * </ol>
 */
public final class Verifier {
  private static final Set<ElementType> CODES = EnumSet.of(ElementType.U2, ElementType.U3, ElementType.U4, ElementType.U8);

  private final Stage stage;

  private Verifier(Stage stage) {
    this.stage = stage;
  }

  /** Throws an {@link IrException} that names the invariant, the stage and the operation. */
  public static void verify(Module module) {
    for (Weight w : module.weights().values()) {
      String misfit = misfit(w.type());
      if (misfit != null) {
        throw new IrException("storage: weight @" + w.name() + " : " + w.type().text() + ": " + misfit);
      }
    }
    Set<String> names = new HashSet<>();
    for (Stage stage : module.stages()) {
      if (!names.add(stage.name())) {
        throw new IrException("symbols: two stages are named @" + stage.name());
      }
      verify(stage);
      new Verifier(stage).weights(stage, module);
    }
    for (int i = 0; i + 1 < module.stages().size(); i++) {
      interfaces(module.stages().get(i), module.stages().get(i + 1));
    }
  }

  /** Checks a stage by itself: all but its weights' names and its neighbours. */
  public static void verify(Stage stage) {
    Verifier v = new Verifier(stage);
    v.names();
    v.block(stage, null);
  }

  private void names() {
    unique("arguments", stage.arguments().stream().map(Value::name).toList());
    unique("outputs", stage.outputNames());
    for (Map.Entry<String, Attribute> e : stage.attributes().entrySet()) {
      if (!(e.getValue() instanceof Attribute.Text t)) {
        continue;
      }
      if (e.getKey().startsWith("arg.") && stage.argument(t.value()) == null) {
        throw error("symbols", e.getKey() + " = \"" + t.value() + "\" names no argument");
      }
      if (e.getKey().startsWith("out.") && !stage.outputNames().contains(t.value())) {
        throw error("symbols", e.getKey() + " = \"" + t.value() + "\" names no output");
      }
    }
  }

  private void unique(String what, List<String> names) {
    Set<String> seen = new HashSet<>();
    for (String name : names) {
      if (!seen.add(name)) {
        throw error("symbols", "two " + what + " are named " + name);
      }
    }
  }

  /** A stage's block, or a region of {@code around}. */
  private void block(Block block, Operation around) {
    Set<Value> known = Collections.newSetFromMap(new IdentityHashMap<>());
    Map<Value, Operation> writers = new IdentityHashMap<>();
    known.addAll(block.arguments());
    for (Value v : block.arguments()) {
      storage(around, v);
    }
    for (Operation op : block.operations()) {
      for (int i = 0; i < op.operands().size(); i++) {
        Value v = op.operand(i);
        if (v == null) {
          continue;
        }
        if (v.weight() == null && !known.contains(v)) {
          throw error(op, "dominance", "%" + v.name() + " is used before it is defined");
        }
        if (!v.uses().contains(new Value.Use(op, i))) {
          throw error(op, "uses", "%" + v.name() + " doesn't know that operand " + i + " reads it");
        }
      }
      arity(op);
      types(op);
      linearity(op, writers);
      op.results().forEach(r -> storage(op, r));
      op.regions().forEach(r -> block(r, op));
      known.addAll(op.results());
    }
    for (Value v : block.outputs()) {
      if (v.weight() == null && !known.contains(v)) {
        throw error(around, "dominance", "%" + v.name() + " is returned and undefined");
      }
      if (writers.containsKey(v)) {
        throw error(around, "linearity", "the cache %" + v.name() + " is returned, which " + writers.get(v).name()
            + " has overwritten");
      }
    }
    uses(block, known);
  }

  private void uses(Block block, Set<Value> known) {
    Set<Operation> operations = Collections.newSetFromMap(new IdentityHashMap<>());
    operations.addAll(block.operations());
    for (Value v : known) {
      for (Value.Use u : v.uses()) {
        boolean real = u.user() == null ? u.index() < block.outputs().size() && block.outputs().get(u.index()) == v
            : operations.contains(u.user()) && u.user().operand(u.index()) == v;
        if (!real) {
          throw error(v.producer(), "uses", "%" + v.name() + " believes that " + (u.user() == null ? "the block returns it"
              : u.user().name() + " of this block reads it"));
        }
      }
    }
  }

  private void linearity(Operation op, Map<Value, Operation> writers) {
    for (Value v : op.operands()) {
      if (v != null && writers.containsKey(v)) {
        throw error(op, "linearity", "the cache %" + v.name() + " is read behind " + writers.get(v).name()
            + ", which has overwritten it");
      }
    }
    List<OpDefinition.OperandSpec> specs = op.definition().operands();
    for (int i = 0; i < specs.size(); i++) {
      if (specs.get(i).consumed() && op.operand(i) != null) {
        Value written = op.operand(i);
        if (op.operands().stream().filter(v -> v == written).count() > 1) {
          throw error(op, "linearity", "the cache %" + written.name() + " is two operands of its writer");
        }
        writers.put(written, op);
      }
    }
  }

  private void arity(Operation op) {
    OpDefinition d = op.definition();
    if (!d.isVariadic() && op.operands().size() > d.operands().size()) {
      throw error(op, "arity", op.operands().size() + " operands, at most " + d.operands().size());
    }
    for (int i = 0; i < d.operands().size(); i++) {
      if (d.operands().get(i).arity() == OpDefinition.Arity.ONE && op.operand(i) == null) {
        throw error(op, "arity", "operand " + d.operands().get(i).name() + " is missing");
      }
    }
    if (op.regions().size() != d.regions().size()) {
      throw error(op, "arity", op.regions().size() + " regions, declared are " + d.regions());
    }
    for (String name : op.attributes().keySet()) {
      if (!d.attributes().containsKey(name)) {
        throw error(op, "arity", "attribute " + name + " isn't declared");
      }
    }
    for (OpDefinition.AttributeSpec spec : d.attributes().values()) {
      Attribute a = op.attributes().get(spec.name());
      if (a == null && spec.required()) {
        throw error(op, "arity", "attribute " + spec.name() + " is missing");
      }
      if (a != null && !spec.kind().isInstance(a)) {
        throw error(op, "arity", "attribute " + spec.name() + " must be " + Attribute.describe(spec.kind()) + ", is "
            + Printer.attribute(a));
      }
    }
  }

  private void types(Operation op) {
    for (Block region : op.regions()) {
      List<Type> taken = region.arguments().stream().map(Value::type).toList();
      List<Type> given = op.regionOperands().stream().map(Value::type).toList();
      if (op.definition().regionTypes() == null && !taken.equals(given)) {
        throw error(op, "types", "a region takes " + taken + ", it is given " + given);
      }
    }
    List<OpDefinition.Inferred> inferred;
    try {
      inferred = op.definition().shape().infer(op);
    } catch (IrException | ArithmeticException e) {
      throw error(op, "types", e.getMessage());
    }
    if (inferred.size() < op.results().size()) {
      throw error(op, "arity", op.results().size() + " results, its declaration gives " + inferred.size());
    }
    for (int i = 0; i < op.results().size(); i++) {
      Type declared = op.result(i).type();
      if (!inferred.get(i).type().equals(declared)) {
        throw error(op, "types", "%" + op.result(i).name() + " is " + (declared == null ? "of no type" : declared.text())
            + ", the operands give " + inferred.get(i).type().text());
      }
    }
  }

  private void storage(Operation op, Value v) {
    String misfit = v.type() == null ? null : misfit(v.type());
    if (misfit != null) {
      throw error(op, "storage", "%" + v.name() + " : " + v.type().text() + ": " + misfit);
    }
  }

  /** What is wrong with a type's storage, or null. */
  private static String misfit(Type type) {
    if (type instanceof KvType kv) {
      return kv.heads() < 1 || kv.dim() < 1 || kv.page() < 1 ? "heads, dim and page must be positive" : null;
    }
    if (!(type instanceof QuantType q)) {
      return null;
    }
    if (q.shape().size() != 2 || !q.shape().stream().allMatch(d -> d.isKnown() && d.value() > 0)) {
      return "a quantized matrix has two known, positive dimensions";
    }
    if (!CODES.contains(q.code())) {
      return "codes are u2, u3, u4 or u8";
    }
    if (q.group() < 1 || q.group() > q.columns()) {
      return "a group of " + q.group() + " doesn't fit rows of " + q.columns();
    }
    if (!q.scale().isFloat()) {
      return "scales are real numbers";
    }
    return q.zero() != null && q.zero() != q.code() ? "zeros have the codes' type" : null;
  }

  private void weights(Block block, Module module) {
    for (Operation op : block.operations()) {
      op.operands().forEach(v -> weight(op, v, module));
      op.regions().forEach(r -> weights(r, module));
    }
    block.outputs().forEach(v -> weight(null, v, module));
  }

  private void weight(Operation op, Value v, Module module) {
    if (v != null && v.weight() != null && module.weights().get(v.weight().name()) != v.weight()) {
      throw error(op, "symbols", "@" + v.weight().name() + " isn't a weight of module @" + module.name());
    }
  }

  private static void interfaces(Stage from, Stage to) {
    int out = Math.max(0, from.outputNames().indexOf(from.textAttribute("out.hidden")));
    Value in = to.textAttribute("arg.hidden") != null ? to.argument(to.textAttribute("arg.hidden"))
        : to.arguments().isEmpty() ? null : to.arguments().get(0);
    if (from.outputs().isEmpty() || in == null) {
      throw new IrException("interfaces: stage @" + (in == null ? to.name() + " takes" : from.name() + " gives")
          + " nothing, and @" + from.name() + " runs before @" + to.name());
    }
    Type gives = from.outputs().get(out).type();
    if (!fits(gives, in.type())) {
      throw new IrException("interfaces: stage @" + from.name() + " gives " + gives.text() + ", stage @" + to.name()
          + " takes " + in.type().text());
    }
  }

  /** Equal but for the names of symbolic dimensions, which belong to their stage. */
  private static boolean fits(Type a, Type b) {
    if (a instanceof TensorType x && b instanceof TensorType y) {
      if (x.element() != y.element() || x.rank() != y.rank()) {
        return false;
      }
      for (int i = 0; i < x.rank(); i++) {
        if (x.dim(i).isKnown() && y.dim(i).isKnown() && !x.dim(i).equals(y.dim(i))) {
          return false;
        }
      }
      return true;
    }
    return a.equals(b);
  }

  /** An error of an operation, or of the stage where that is null. */
  private IrException error(Operation op, String invariant, String what) {
    return new IrException(invariant + ": stage @" + stage.name() + (op == null ? "" : ", " + op.name()
        + (op.origin().isEmpty() ? "" : " (" + op.origin() + ")")) + ": " + what);
  }

  private IrException error(String invariant, String what) {
    return error(null, invariant, what);
  }
}
