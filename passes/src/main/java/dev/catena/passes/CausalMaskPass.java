package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.ElementType;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;

/**
 * A mask that a decoder computes itself becomes a property of its attention where it is causal. Exporters write it in
 * many ways (Trilu, ScatterND, Range and Less, Where, slices of a constant); here it is a function of the step alone, and
 * is evaluated at steps of different kinds: first and later ones, short and long, one row and many. How many of the last
 * positions a row sees, if not all, is told by steps beyond each number that the mask is computed from; where that would
 * take too long (without a cache a mask has a row for each position), by what the mask becomes with smaller numbers in its
 * place. A mask that falls with the distance, by a slope of each head, gives the attention its slopes ({@link SlopedMask}). A mask
 * that reads activations is never taken for causal. That the steps between behave alike is written on the
 * stage.
 */
public final class CausalMaskPass extends Pass {
  /** Past and rows; beyond the sizes of any vector or page. */
  private static final int[][] STEPS = {{0, 1}, {0, 2}, {0, 7}, {1, 1}, {5, 1}, {4, 3}, {3, 9}, {64, 1}, {61, 5}, {0, 33}};

  /** Longer windows aren't looked for. */
  private static final long LONGEST_WINDOW = 1 << 20;

  /** What a number is replaced by to see whether a window grows with it. */
  private static final long[] SMALLER = {5, 8, 13};

  /** Masks with a row for each position are evaluated up to this many. */
  private static final long MOST_ROWS = 600;

  public CausalMaskPass() {
    super("causal-mask", "masks computed in the graph become the attention's own, where they are causal");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    List<Weight> made = new ArrayList<>();
    for (Stage stage : module.stages()) {
      if (!StepProbe.canProbe(stage)) {
        continue;
      }
      StepProbe probe = null;
      for (Operation op : stage.operations()) {
        Value mask = op.is("nn.past_attention") ? op.operand(5) : null;
        if (mask != null && mask.producer() != null) {
          probe = probe == null ? new StepProbe(stage) : probe;
          Constants constants = Constants.of(mask);
          Window window = window(probe, mask, constants);
          StepProbe at = probe;
          long positions = positions(probe, mask, step -> at.isCausal(mask, step[0], step[1], window.tried, window.instead),
              steps(window.tried), constants);
          SlopedMask sloped = positions > 0 || !probe.dependsOnStepOnly(mask) ? null
              : SlopedMask.of(probe, mask, Math.toIntExact(op.intAttribute("heads")), op.operand(7) != null);
          if (sloped != null) {
            positions = positions(probe, mask, step -> sloped.holds(step[0], step[1]), steps(0), constants);
          }
          if (positions > 0) {
            if (sloped != null) {
              op.setOperand(6, vector(module, sloped.slopes(), made));
              context.count("causal-mask.slopes", 1);
            }
            if (positions < Long.MAX_VALUE) {
              stage.setAttribute("assume.positions_below", Attribute.of(positions));
            }
            op.setOperand(5, null);
            op.setAttribute("causal", Attribute.of(true));
            if (window.size > 0) {
              op.setAttribute("window", Attribute.of(window.size));
            }
            stage.setAttribute("assume.mask_between_samples", Attribute.of("causal"));
            context.count("causal-mask.attention", 1);
          }
        }
      }
      DeadCode.remove(stage);
    }
    module.removeUnusedWeights();
  }

  /**
   * How many positions a row sees at most.
   *
   * @param size    of the graph's own mask; 0 for all, or where that can't be told
   * @param tried   of the mask with {@code instead}, which is evaluated in its place
   * @param instead smaller constants
   */
  private record Window(long size, long tried, Map<Value, Tensor> instead) {
    static Window of(long size) {
      return new Window(size, size, Map.of());
    }
  }

  /**
   * Below which position the mask is causal: below all, or, where it is cut from a constant of so many rows, below those; 0
   * where it isn't.
   */
  private static long positions(StepProbe probe, Value mask, Predicate<long[]> isCausal, List<long[]> steps, Constants constants) {
    if (!probe.dependsOnStepOnly(mask)) {
      return 0;
    }
    if (steps.stream().allMatch(isCausal)) {
      return Long.MAX_VALUE;
    }
    for (long rows : constants.sizes().descendingSet()) {
      if (probe.isFromStart() && rows > MOST_ROWS) {
        continue;
      }
      List<long[]> within = new ArrayList<>(List.of(new long[] {rows - 1, 1}, new long[] {rows - 2, 2}, new long[] {0, Math.min(rows, 33)}));
      steps.stream().filter(step -> step[0] + step[1] <= rows).forEach(within::add);
      if (within.stream().allMatch(isCausal)) {
        return rows;
      }
    }
    return 0;
  }

  /** Equal vectors of several layers are one weight. */
  private static Value vector(Module module, Tensor vector, List<Weight> made) {
    for (Weight w : made) {
      if (w.data().tensor().equals(vector)) {
        return w.value();
      }
    }
    Weight w = module.addWeight("alibi.slopes", new LiteralWeight(vector));
    made.add(w);
    return w.value();
  }

  private static List<long[]> steps(long window) {
    List<long[]> steps = new ArrayList<>();
    for (int[] step : STEPS) {
      steps.add(new long[] {step[0], step[1]});
    }
    for (long past = window - 2; window > 0 && past <= window + 2; past++) {
      steps.add(new long[] {Math.max(0, past), 1});
      steps.add(new long[] {Math.max(0, past), 4});
    }
    return steps;
  }

  private static Window window(StepProbe probe, Value mask, Constants constants) {
    if (!probe.dependsOnStepOnly(mask)) {
      return Window.of(0);
    }
    long most = probe.isFromStart() ? MOST_ROWS : Long.MAX_VALUE;
    Set<Long> pasts = new TreeSet<>();
    for (int[] step : STEPS) {
      pasts.add((long) step[0]);
    }
    constants.numbers().keySet().stream().filter(n -> n + 2 < most).forEach(n -> pasts.add(n + 2));
    for (long past : pasts) {
      long visible = probe.visible(mask, past, Map.of());
      if (visible > 0 && visible <= past) {
        return Window.of(visible);
      }
    }
    for (Map.Entry<Long, List<Value>> number : constants.numbers().tailMap(most - 2, true).entrySet()) {
      Window smaller = window(probe, mask, number.getKey(), number.getValue());
      if (smaller != null) {
        return smaller;
      }
    }
    return Window.of(0);
  }

  /** The window that a mask has if it grows with a number that it is computed from; null where it doesn't. */
  private static Window window(StepProbe probe, Value mask, long number, List<Value> constants) {
    Window found = null;
    for (long smaller : SMALLER) {
      Map<Value, Tensor> instead = new IdentityHashMap<>();
      constants.forEach(c -> instead.put(c, like(c.constant(), smaller)));
      long visible = probe.visible(mask, smaller + 9, instead);
      long more = visible - smaller;
      if (visible <= 0 || visible > smaller + 9 || found != null && more != found.tried - SMALLER[0]) {
        return null;
      }
      found = found == null ? new Window(number + more, visible, instead) : found;
    }
    return found;
  }

  /** One number of the same type and sign. */
  private static Tensor like(Tensor number, long magnitude) {
    Tensor t = new Tensor(number.element(), number.shape());
    t.set(0, number.get(0) < 0 ? -magnitude : magnitude);
    return t;
  }

  /**
   * What a mask is computed from.
   *
   * @param numbers whole numbers that may be a window, and where they stand
   * @param sizes   sizes of constants that may be its rows
   */
  private record Constants(TreeMap<Long, List<Value>> numbers, TreeSet<Long> sizes) {
    static Constants of(Value mask) {
      Constants found = new Constants(new TreeMap<>(), new TreeSet<>());
      Set<Value> seen = Collections.newSetFromMap(new IdentityHashMap<>());
      Deque<Value> open = new ArrayDeque<>(List.of(mask));
      while (!open.isEmpty()) {
        Value v = open.pop();
        if (v.weight() != null || v.constant() != null) {
          found.add(v);
        } else if (v.producer() != null && seen.add(v) && !v.producer().is("onnx.Shape")) {
          v.producer().operands().stream().filter(o -> o != null).forEach(open::push);
        }
      }
      return found;
    }

    private void add(Value constant) {
      Tensor number = constant.constant();
      if (number != null && number.size() == 1 && number.element() != ElementType.STRING) {
        double n = Math.abs(number.get(0));
        if (n == Math.rint(n) && n <= LONGEST_WINDOW) {
          numbers.computeIfAbsent((long) n, k -> new ArrayList<>()).add(constant);
        }
      }
      if (constant.type() instanceof TensorType t && t.rank() >= 2) {
        t.shape().stream().filter(d -> d.isKnown() && d.value() > 2 && d.value() <= LONGEST_WINDOW).forEach(d -> sizes.add(d.value()));
      }
    }
  }
}
