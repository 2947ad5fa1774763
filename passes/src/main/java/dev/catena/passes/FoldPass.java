package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.CastWeight;
import dev.catena.ir.Dialects;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.TransposedWeight;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Computes what is known at compile time: integers made of dimensions that turned out to be fixed, small constant
 * expressions (by the evaluator), and casts and transposes of weights, which become views and are read later.
 */
public final class FoldPass extends Pass {
  /** Results above this many elements stay in the graph: constants are printed inline. */
  private static final long MOST_ELEMENTS = 1024;

  public FoldPass() {
    super("fold", "compute constants and shape arithmetic");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    for (Stage stage : module.stages()) {
      int folded = 0;
      for (Operation op : List.copyOf(stage.operations())) {
        op.inferTypes(); // operands may have become constants
        if (op.definition().has(Trait.PURE) && !op.definition().has(Trait.CONSTANT) && fold(module, stage, op)) {
          folded++;
        }
      }
      context.count("fold.constants", folded);
      DeadCode.remove(stage);
    }
  }

  private static boolean fold(Module module, Stage stage, Operation op) {
    if (op.results().size() != 1 || !(op.result().type() instanceof TensorType type)) {
      return false;
    }
    Tensor known = knownIntegers(op.result(), type);
    if (known == null && small(type) && op.definition().meaning() != null && !op.operands().isEmpty()
        && op.operands().stream().allMatch(v -> v == null || v.constant() != null)) {
      known = evaluate(op);
    }
    if (known != null) {
      Operation constant = stage.insertBefore(op, Dialects.get("onnx.Constant"), List.of(),
          Map.of("value", new Attribute.Dense(known)));
      constant.setOrigin(op.origin());
      constant.result().rename(op.result().name());
      stage.replaceUses(op.result(), constant.result());
      return true;
    }
    WeightData view = weightView(op);
    if (view != null) {
      String name = op.operand(0).weight().name();
      stage.replaceUses(op.result(), module.addWeight(name, view).value());
      return true;
    }
    return false;
  }

  private static boolean small(TensorType type) {
    return type.isStatic() && type.elements().value() <= MOST_ELEMENTS && type.element() != ElementType.STRING;
  }

  private static Tensor knownIntegers(Value v, TensorType type) {
    Dim[] contents = v.contents();
    if (contents == null || !type.isStatic() || !Arrays.stream(contents).allMatch(Dim::isKnown)) {
      return null;
    }
    long[] elements = Arrays.stream(contents).mapToLong(Dim::value).toArray();
    return type.elements().is(elements.length) ? Tensor.ofLongs(type.element(), elements, type.staticShape()) : null;
  }

  private static Tensor evaluate(Operation op) {
    Map<Value, EvalValue> known = new HashMap<>();
    for (Value v : op.operands()) {
      if (v != null) {
        known.put(v, v.constant());
      }
    }
    return (Tensor) new Evaluator().evaluate(op, known).get(0);
  }

  private static WeightData weightView(Operation op) {
    if (op.operands().isEmpty() || op.operand(0) == null || op.operand(0).weight() == null
        || !(op.operand(0).type() instanceof TensorType from)) {
      return null;
    }
    WeightData data = op.operand(0).weight().data();
    if (op.is("onnx.Cast") && from.element().isFloat() && op.result().tensorType().element().isFloat()) {
      return CastWeight.of(data, op.result().tensorType().element());
    }
    if (op.is("onnx.Transpose")) {
      int[] permutation = new int[from.rank()];
      for (int i = 0; i < permutation.length; i++) {
        permutation[i] = op.hasAttribute("perm") ? op.intsAttribute("perm").get(i).intValue()
            : permutation.length - 1 - i;
      }
      return new TransposedWeight(data, permutation);
    }
    return null;
  }
}
