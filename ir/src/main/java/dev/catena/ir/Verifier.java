package dev.catena.ir;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * Checks what every module must fulfil, at every point of the pipeline:
 *
 * <ol>
 *   <li>dominance: an operand is a weight, an argument, or a result of an operation that stands before;
 *   <li>arity: operands, results and attributes are those that the declaration names;
 *   <li>types: each result has the type that the shape function gives;
 *   <li>linearity: a cache value has at most one use by an operation that writes it;
 *   <li>interfaces: the first output of a stage has the type of the next stage's first argument.
 * </ol>
 */
public final class Verifier {
  private Verifier() {}

  /** Throws an {@link IrException} that names the stage, the operation and the invariant. */
  public static void verify(Module module) {
    for (Stage stage : module.stages()) {
      verify(stage);
    }
    List<Stage> stages = module.stages();
    for (int i = 0; i + 1 < stages.size(); i++) {
      Type gives = stages.get(i).outputs().get(0).type();
      Type takes = stages.get(i + 1).arguments().get(0).type();
      if (!fits(gives, takes)) {
        throw new IrException("interfaces: stage @" + stages.get(i).name() + " gives " + gives.text() + ", stage @"
            + stages.get(i + 1).name() + " takes " + takes.text());
      }
    }
  }

  public static void verify(Stage stage) {
    Set<Value> known = Collections.newSetFromMap(new IdentityHashMap<>());
    known.addAll(stage.arguments());
    for (Operation op : stage.operations()) {
      for (Value v : op.operands()) {
        if (v != null && v.weight() == null && !known.contains(v)) {
          throw error(stage, op, "dominance", "%" + v.name() + " is used before it is defined");
        }
      }
      arity(stage, op);
      types(stage, op);
      known.addAll(op.results());
      for (Value r : op.results()) {
        if (r.type() instanceof KvType
            && r.uses().stream().filter(u -> u.user() != null && u.user().is("nn.kv_append")).count() > 1) {
          throw error(stage, op, "linearity", "the cache %" + r.name() + " is written twice");
        }
      }
    }
    for (Value v : stage.outputs()) {
      if (v.weight() == null && !known.contains(v)) {
        throw new IrException("dominance: stage @" + stage.name() + " returns %" + v.name() + ", which is undefined");
      }
    }
  }

  private static void arity(Stage stage, Operation op) {
    OpDefinition d = op.definition();
    boolean variadic = d.operands().stream().anyMatch(o -> o.arity() == OpDefinition.Arity.VARIADIC);
    if (!variadic && op.operands().size() > d.operands().size()) {
      throw error(stage, op, "arity", op.operands().size() + " operands, at most " + d.operands().size());
    }
    for (int i = 0; i < d.operands().size(); i++) {
      if (d.operands().get(i).arity() == OpDefinition.Arity.ONE && op.operand(i) == null) {
        throw error(stage, op, "arity", "operand " + d.operands().get(i).name() + " is missing");
      }
    }
    for (String name : op.attributes().keySet()) {
      if (!d.attributes().containsKey(name)) {
        throw error(stage, op, "arity", "attribute " + name + " isn't declared");
      }
    }
    for (OpDefinition.AttributeSpec spec : d.attributes().values()) {
      Attribute a = op.attributes().get(spec.name());
      if (a == null && spec.required()) {
        throw error(stage, op, "arity", "attribute " + spec.name() + " is missing");
      }
      if (a != null && !spec.kind().isInstance(a)) {
        throw error(stage, op, "arity",
            "attribute " + spec.name() + " must be " + spec.kind().getSimpleName() + ", is " + Printer.attribute(a));
      }
    }
  }

  private static void types(Stage stage, Operation op) {
    List<OpDefinition.Inferred> inferred = op.definition().shape().infer(op);
    for (int i = 0; i < op.results().size(); i++) {
      Type declared = op.result(i).type();
      if (!inferred.get(i).type().equals(declared)) {
        throw error(stage, op, "types", "%" + op.result(i).name() + " is " + (declared == null ? "?" : declared.text())
            + ", the operands give " + inferred.get(i).type().text());
      }
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

  private static IrException error(Stage stage, Operation op, String invariant, String what) {
    return new IrException(invariant + ": stage @" + stage.name() + ", " + op.name()
        + (op.origin().isEmpty() ? "" : " (" + op.origin() + ")") + ": " + what);
  }
}
