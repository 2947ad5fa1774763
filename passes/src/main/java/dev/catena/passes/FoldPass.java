package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.Block;
import dev.catena.ir.Dialects;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.Module;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.SymbolicWeight;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
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
  /** Vectors of parameters up to this many elements are computed: 1 + w, as Gemma's norms have it. */
  private static final long MOST_OF_VECTOR = 1 << 16;
  /** A node of 30 bytes can ask for 1024 elements: past this many in all, results stay in the graph, too. */
  private static final long MOST_ELEMENTS_IN_ALL = 1 << 20;
  /** Likewise of vectors of parameters, which no text holds. */
  private static final long MOST_OF_VECTORS_IN_ALL = 1 << 22;

  /** How many elements may still become constants, and vectors. */
  private static final class Room {
    private long constants = MOST_ELEMENTS_IN_ALL;
    private long vectors = MOST_OF_VECTORS_IN_ALL;

    boolean holdsConstant(TensorType type) {
      return type.isStatic() && type.elements().value() <= Math.min(MOST_ELEMENTS, constants);
    }

    boolean holdsVector(TensorType type) {
      return type.isStatic() && type.elements().value() <= vectors;
    }

    void takeConstant(Tensor constant) {
      constants -= constant.size();
    }

    void takeVector(Tensor vector) {
      vectors -= vector.size();
    }
  }

  public FoldPass() {
    super("fold", "compute constants and shape arithmetic");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    Room room = new Room();
    for (Stage stage : module.stages()) {
      context.count("fold.constants", fold(module, stage, room));
      DeadCode.remove(stage);
    }
    module.removeUnusedWeights(); // their views have taken their place
  }

  private static int fold(Module module, Block block, Room room) {
    int folded = 0;
    // What stands in the place of a known choice has yet to be looked at, so the list is read as it grows.
    for (int i = 0; i < block.operations().size(); i++) {
      Operation op = block.operations().get(i);
      op.inferTypes(); // operands may have become constants
      for (Block region : op.regions()) {
        folded += fold(module, region, room);
      }
      if (inlineChosen(block, op)) {
        folded++;
        i--;
      } else if (op.definition().has(Trait.PURE) && !op.definition().has(Trait.CONSTANT) && fold(module, block, op, room)) {
        folded++;
        i = block.indexOf(op); // its constant stands before it
      }
    }
    return folded;
  }

  /** Puts a constant before {@code op}, or a weight, that all its readers then read. */
  private static boolean fold(Module module, Block block, Operation op, Room room) {
    if (op.results().size() != 1 || !(op.result().type() instanceof TensorType type)) {
      return false;
    }
    Tensor known = knownIntegers(op.result(), type);
    if (known == null && room.holdsConstant(type) && type.element() != ElementType.STRING && op.definition().meaning() != null && op.regions().isEmpty() && !op.operands().isEmpty()
        && op.operands().stream().allMatch(v -> v == null || v.constant() != null)) {
      known = evaluate(op);
    }
    if (known != null) {
      room.takeConstant(known);
      Operation constant = block.insertBefore(op, Dialects.get("onnx.Constant"), List.of(),
          Map.of("value", new Attribute.Dense(known)));
      constant.setOrigin(op.origin());
      constant.result().rename(op.result().name());
      block.replaceUses(op.result(), constant.result());
      return true;
    }
    WeightData view = weightView(op);
    if (view != null) {
      String name = op.operand(0).weight().name();
      block.replaceUses(op.result(), module.addWeight(name, view).value());
      return true;
    }
    Weight vector = vectorOf(op, type);
    if (vector != null && room.holdsVector(type)) {
      Tensor computed = evaluate(op);
      room.takeVector(computed);
      block.replaceUses(op.result(), module.addWeight(vector.name(), new LiteralWeight(computed)).value());
      return true;
    }
    return false;
  }

  /** The vector of parameters that the operation computes another of, or null. */
  private static Weight vectorOf(Operation op, TensorType type) {
    if (!op.definition().has(Trait.ELEMENTWISE) && !op.definition().has(Trait.MOVES_DATA) || op.definition().meaning() == null || !type.element().isFloat()
        || !type.isStatic() || type.rank() != 1 || type.elements().value() > MOST_OF_VECTOR) {
      return null;
    }
    Weight found = null;
    for (Value v : op.operands()) {
      boolean vector = v != null && v.weight() != null && v.type() instanceof TensorType t && t.rank() == 1
          && !(v.weight().data() instanceof SymbolicWeight);
      if (v != null && v.constant() == null && !vector) {
        return null;
      }
      found = vector ? v.weight() : found;
    }
    return found;
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
        known.put(v, v.constant() != null ? v.constant() : v.weight().data().tensor());
      }
    }
    return (Tensor) new Evaluator().evaluate(op, known).get(0);
  }

  private static WeightData weightView(Operation op) {
    OpDefinition.WeightView view = op.definition().weightView();
    return view == null || op.operand(0) == null || op.operand(0).weight() == null
        || !(op.operand(0).type() instanceof TensorType) ? null : view.of(op, op.operand(0).weight().data());
  }

  /** What is known to be chosen takes the place of the choice. */
  private static boolean inlineChosen(Block block, Operation op) {
    if (!op.is("onnx.If") || op.operand(0).constant() == null) {
      return false;
    }
    Block chosen = op.regions().get(op.operand(0).constant().getLong(0) != 0 ? 0 : 1);
    List<Value> results = block.inline(op, chosen, op.regionOperands());
    for (int i = 0; i < results.size(); i++) {
      block.replaceUses(op.result(i), results.get(i));
    }
    block.remove(op);
    return true;
  }
}
