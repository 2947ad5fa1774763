package dev.catena.ir;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/** Runs stages by the operations' declared meanings: slow and obviously right, the judge of passes and generated code. */
public final class Evaluator {
  private final IdentityHashMap<Weight, EvalValue> weights = new IdentityHashMap<>();

  /**
   * Runs a stage, or a region of an operation.
   *
   * @param arguments one value per argument of the block, in order
   * @return one value per output, in order
   */
  public List<EvalValue> run(Block block, List<EvalValue> arguments) {
    if (arguments.size() != block.arguments().size()) {
      throw new IrException((block instanceof Stage stage ? "stage @" + stage.name() : "a region") + " takes "
          + block.arguments().size() + " arguments, " + arguments.size() + " given");
    }
    IdentityHashMap<Value, EvalValue> known = new IdentityHashMap<>();
    for (int i = 0; i < arguments.size(); i++) {
      known.put(block.arguments().get(i), arguments.get(i));
    }
    for (Operation op : block.operations()) {
      List<EvalValue> results = evaluate(op, known);
      for (int i = 0; i < op.results().size(); i++) {
        known.put(op.result(i), results.get(i));
      }
    }
    List<EvalValue> outputs = new ArrayList<>();
    for (Value v : block.outputs()) {
      outputs.add(valueOf(v, known));
    }
    return outputs;
  }

  /** Evaluates one operation over operands that are already known. */
  public List<EvalValue> evaluate(Operation op, Map<Value, EvalValue> known) {
    if (op.definition().meaning() == null) {
      throw op.broken("has no meaning in the evaluator");
    }
    List<EvalValue> operands = new ArrayList<>();
    for (Value v : op.operands()) {
      operands.add(v == null ? null : valueOf(v, known));
    }
    List<EvalValue> results = op.definition().meaning().evaluate(op, operands);
    if (results.size() < op.results().size()) {
      throw op.broken("the evaluator gave " + results.size() + " of " + op.results().size() + " results");
    }
    return results;
  }

  private EvalValue valueOf(Value v, Map<Value, EvalValue> known) {
    if (v.weight() != null) {
      return weights.computeIfAbsent(v.weight(), w -> w.data().tensor());
    }
    EvalValue value = known.get(v);
    if (value == null) {
      throw new IrException("%" + v.name() + " is used before it is computed");
    }
    return value;
  }
}
