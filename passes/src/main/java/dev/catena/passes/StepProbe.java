package dev.catena.passes;

import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.IrException;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Sees through what a decoder computes from the step alone: from positions, mask and the sizes of its arguments, not from
 * activations. Such a value is a function of (past, rows), whatever operations an exporter wrote for it, and can be
 * evaluated at any step. What the probe assumes of a step is what Catena's steps are: one sequence without padding,
 * consecutive positions, a causal mask where the decoder takes a mask of rows by columns. A stage of a model that was exported
 * without a cache computes a sequence from its start; there a step's rows are the last of them, and what holds for these
 * must hold however long the sequence is.
 */
final class StepProbe {
  /** Deep enough for f16's masks; exp of it is zero. */
  private static final double HIDDEN = -65504;
  static final double LEAST_HIDDEN = -9999;

  private final Stage stage;
  private final boolean fromStart;
  private final Set<Value> ofStep = Collections.newSetFromMap(new IdentityHashMap<>());
  private final Set<Value> varying = Collections.newSetFromMap(new IdentityHashMap<>());
  private final Evaluator evaluator = new Evaluator();

  StepProbe(Stage stage) {
    this.stage = stage;
    this.fromStart = lacksPast(stage);
    for (Value argument : stage.arguments()) {
      if (plays(argument, "positions") || plays(argument, "mask")) {
        ofStep.add(argument);
        varying.add(argument);
      }
    }
    for (Operation op : stage.operations()) {
      boolean sizes = asksSize(op);
      if (sizes || op.definition().has(Trait.PURE) && op.definition().meaning() != null
          && op.operands().stream().allMatch(v -> v == null || v.weight() != null || ofStep.contains(v))) {
        ofStep.addAll(op.results());
        if (sizes || op.operands().stream().anyMatch(varying::contains)) {
          varying.addAll(op.results());
        }
      }
    }
  }

  /** Whether the stage is told about the step: a decoder, or an embedding of positions, too. */
  static boolean canProbe(Stage stage) {
    return switch (String.valueOf(stage.textAttribute("role"))) {
      case "decoder" -> argument(stage, "hidden") != null && (argument(stage, "past_key") != null || lacksPast(stage))
          && argument(stage, "hidden").tensorType().rank() == 3;
      case "embed" -> argument(stage, "ids") != null && argument(stage, "ids").tensorType().rank() == 2
          && (stage.arguments().size() > 1 || lacksPast(stage));
      default -> false;
    };
  }

  /** Whether the stage is of a model that was exported without a cache: each sequence is computed from its start. */
  static boolean lacksPast(Stage stage) {
    return "none".equals(stage.textAttribute("past"));
  }

  /** What has an element or a vector for each of a step's rows: hidden state [b, s, width] or token ids [b, s]. */
  static Value rows(Stage stage) {
    Value hidden = argument(stage, "hidden");
    return hidden != null ? hidden : argument(stage, "ids");
  }

  static Value argument(Stage stage, String role) {
    String name = stage.textAttribute("arg." + role);
    return name == null ? null : stage.argument(name);
  }

  private static boolean asksSize(Operation op) {
    return op.is("onnx.Shape") || op.is("onnx.Size");
  }

  private boolean plays(Value argument, String role) {
    return argument.name().equals(stage.textAttribute("arg." + role));
  }

  /** Whether the value is computed from the step alone, and isn't a plain constant. */
  boolean dependsOnStepOnly(Value v) {
    return ofStep.contains(v) && varying.contains(v);
  }

  /** Whether a sequence is always computed from its start. */
  boolean isFromStart() {
    return fromStart;
  }

  /**
   * The value where {@code past} rows came before and {@code rows} are fed, which lie along {@code axis}; null where it can't
   * be computed or has another number of them.
   */
  Tensor rows(Value v, int axis, long past, long rows) {
    return rows(v, axis, past, rows, Map.of());
  }

  private Tensor rows(Value v, int axis, long past, long rows, Map<Value, Tensor> instead) {
    long before = fromStart ? past : 0;
    Tensor t = at(v, past - before, before + rows, instead);
    int counted = axis < 0 && t != null ? axis + t.rank() : axis;
    if (t == null || counted < 0 || counted >= t.rank() || t.dim(counted) != before + rows) {
      return null;
    }
    return before == 0 ? t : last(t, counted, rows);
  }

  /** The last rows along an axis. */
  private static Tensor last(Tensor t, int axis, long rows) {
    long[] shape = t.shape();
    shape[axis] = rows;
    long inner = 1;
    for (int i = axis + 1; i < shape.length; i++) {
      inner *= shape[i];
    }
    Tensor part = new Tensor(t.element(), shape);
    long block = rows * inner;
    long whole = t.dim(axis) * inner;
    for (int i = 0; i < part.size(); i++) {
      part.copy(i, t, (int) (i / block * whole + whole - block + i % block));
    }
    return part;
  }

  private Tensor at(Value v, long past, long rows, Map<Value, Tensor> instead) {
    try {
      return new Step(past, rows, instead).value(v);
    } catch (IrException | ArithmeticException | IndexOutOfBoundsException | IllegalArgumentException e) {
      return null; // the operation refuses these sizes, as a table does that is too short
    }
  }

  /**
   * How many positions the only row of a step sees of an additive mask, its own and those right before it.
   *
   * @param instead constants that are taken for others
   */
  long visible(Value mask, long past, Map<Value, Tensor> instead) {
    Tensor t = rows(mask, -2, past, 1, instead);
    if (t == null || t.size() != past + 1) {
      return 0;
    }
    long n = 0;
    while (n <= past && t.get((int) (past - n)) == 0) {
      n++;
    }
    return n;
  }

  /**
   * Whether an additive mask is zero where a row may look and deep below where it may not: at what comes later, and what
   * came {@code window} positions before or earlier, unless that is 0.
   *
   * @param instead constants that are taken for others
   */
  boolean isCausal(Value mask, long past, long rows, long window, Map<Value, Tensor> instead) {
    Tensor t = rows(mask, -2, past, rows, instead);
    if (t == null || t.dim(-1) != past + rows || t.size() != rows * (past + rows)) {
      return false;
    }
    for (int i = 0; i < t.size(); i++) {
      long own = past + i / (past + rows);
      long other = i % (past + rows);
      boolean seen = other <= own && (window == 0 || other > own - window);
      if (seen ? t.get(i) != 0 : !(t.get(i) <= LEAST_HIDDEN)) {
        return false;
      }
    }
    return true;
  }

  /** One step's sizes and the values that were computed at it. */
  private final class Step {
    private final long past;
    private final long rows;
    private final Map<String, Long> symbols = new HashMap<>();
    private final Map<Value, EvalValue> known = new IdentityHashMap<>();

    Step(long past, long rows, Map<Value, Tensor> instead) {
      this.past = past;
      this.rows = rows;
      known.putAll(instead);
      size(StepProbe.rows(stage), 1, rows);
      for (String role : List.of("past_key", "past_value")) {
        Value cache = StepProbe.argument(stage, role);
        if (cache != null) {
          size(cache, 1, cache.tensorType().dim(1).isKnown() ? 0 : past, past, cache.tensorType().dim(3).isKnown() ? 0 : past);
        }
      }
      Value positions = StepProbe.argument(stage, "positions");
      if (positions != null) {
        size(positions, positions.tensorType().rank() == 1 ? new long[] {rows} : new long[] {1, rows});
      }
      Value mask = StepProbe.argument(stage, "mask");
      if (mask != null) {
        size(mask, switch (mask.tensorType().rank()) {
          case 4 -> new long[] {1, 1, rows, past + rows};
          case 3 -> new long[] {1, rows, past + rows};
          case 2 -> new long[] {1, past + rows};
          default -> new long[] {past + rows};
        });
      }
    }

    /** Symbols that stand alone as a dimension get the sizes of this step, unless an argument before gave them. */
    private void size(Value argument, long... sizes) {
      List<Dim> shape = argument.tensorType().shape();
      for (int i = 0; i < Math.min(sizes.length, shape.size()); i++) {
        if (!shape.get(i).isKnown()) {
          symbols.putIfAbsent(shape.get(i).toString(), sizes[i]);
        }
      }
    }

    private long[] shape(Value v) {
      return v.tensorType().shape().stream().mapToLong(d -> {
        Long size = d.at(symbols);
        if (size == null || size < 0) {
          throw new IrException("the size " + d + " isn't known from the step");
        }
        return size;
      }).toArray();
    }

    Tensor value(Value wanted) {
      compute(wanted);
      return (Tensor) known.get(wanted);
    }

    private void compute(Value wanted) {
      Set<Operation> needed = Collections.newSetFromMap(new IdentityHashMap<>());
      need(wanted, needed);
      for (Operation op : stage.operations()) {
        if (!needed.contains(op)) {
          continue;
        }
        List<EvalValue> results = asksSize(op) ? List.of(sizes(op))
            : evaluator.evaluate(op, known);
        for (int i = 0; i < op.results().size(); i++) {
          known.put(op.result(i), results.get(i));
        }
      }
    }

    private void need(Value wanted, Set<Operation> needed) {
      java.util.ArrayDeque<Value> open = new java.util.ArrayDeque<>(List.of(wanted));
      while (!open.isEmpty()) {
        Value v = open.pop();
        if (v.isArgument()) {
          known.computeIfAbsent(v, this::elements);
        } else if (known.containsKey(v)) {
          continue;
        } else if (v.producer() != null && needed.add(v.producer())) {
          Operation op = v.producer();
          if (asksSize(op)) {
            if (ofStep.contains(op.operand(0)) && !isTold(op.operand(0))) {
              open.push(op.operand(0)); // a size that no symbol stands for, the least of two, is seen once it is there
            }
          } else {
            op.operands().stream().filter(o -> o != null && o.weight() == null).forEach(open::push);
          }
        }
      }
    }

    private boolean isTold(Value v) {
      return v.tensorType().shape().stream().allMatch(d -> d.at(symbols) != null);
    }

    private Tensor sizes(Operation op) {
      long[] shape = known.get(op.operand(0)) instanceof Tensor t ? t.shape() : shape(op.operand(0));
      Tensor stand = Tensor.i64(shape, shape.length);
      if (op.is("onnx.Size")) {
        return Tensor.i64(new long[] {java.util.Arrays.stream(stand.longs()).reduce(1, Math::multiplyExact)});
      }
      int rank = stand.size();
      int start = bound(op.intAttribute("start", 0), rank);
      int end = Math.max(start, bound(op.intAttribute("end", rank), rank));
      return Tensor.i64(java.util.Arrays.copyOfRange(stand.longs(), start, end), end - start);
    }

    private int bound(long axis, int rank) {
      return (int) Math.max(0, Math.min(rank, axis < 0 ? axis + rank : axis));
    }

    private Tensor elements(Value v) {
      Tensor t = new Tensor(v.tensorType().element(), shape(v));
      boolean table = t.rank() >= 2 && t.dim(-2) == rows && t.dim(-1) == past + rows && v.tensorType().rank() > 2;
      for (int i = 0; i < t.size(); i++) {
        if (plays(v, "positions")) {
          t.setLong(i, past + i);
        } else if (!table) {
          t.set(i, 1); // every position is attended to
        } else {
          boolean seen = i % (past + rows) <= past + i / (past + rows);
          t.set(i, t.element() == ElementType.BOOL ? (seen ? 1 : 0) : seen ? 0 : HIDDEN);
        }
      }
      return t;
    }
  }

  static boolean isFloat(Value v) {
    return v.type() instanceof TensorType t && t.element().isFloat();
  }
}
