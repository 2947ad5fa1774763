package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.ElementType;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.Value;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * A mask that a decoder computes itself becomes a property of its attention where it is causal. Exporters write it in
 * many ways (Trilu, ScatterND, Range and Less, Where, slices of a constant); here it is a function of the step alone, and
 * is evaluated at steps of different kinds: first and later ones, short and long, one row and many. How many of the last
 * positions a row sees, if not all, is told by steps beyond each number that the mask is computed from. A mask that
 * reads activations is never taken for causal. That the steps between behave alike is written on the stage.
 */
public final class CausalMaskPass extends Pass {
  /** Past and rows; beyond the sizes of any vector or page. */
  private static final int[][] STEPS = {{0, 1}, {0, 2}, {0, 7}, {1, 1}, {5, 1}, {4, 3}, {3, 9}, {64, 1}, {61, 5}, {0, 33}};

  /** Longer windows aren't looked for. */
  private static final long LONGEST_WINDOW = 1 << 20;

  public CausalMaskPass() {
    super("causal-mask", "masks computed in the graph become the attention's own, where they are causal");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    for (Stage stage : module.stages()) {
      if (!StepProbe.canProbe(stage)) {
        continue;
      }
      StepProbe probe = null;
      for (Operation op : stage.operations()) {
        Value mask = op.is("nn.past_attention") ? op.operand(5) : null;
        if (mask != null && mask.producer() != null) {
          probe = probe == null ? new StepProbe(stage) : probe;
          long window = window(probe, mask);
          if (isCausal(probe, mask, window)) {
            op.setOperand(5, null);
            op.setAttribute("causal", Attribute.of(true));
            if (window > 0) {
              op.setAttribute("window", Attribute.of(window));
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

  private static boolean isCausal(StepProbe probe, Value mask, long window) {
    if (!probe.dependsOnStepOnly(mask)) {
      return false;
    }
    List<long[]> steps = new ArrayList<>();
    for (int[] step : STEPS) {
      steps.add(new long[] {step[0], step[1]});
    }
    for (long past = window - 2; window > 0 && past <= window + 2; past++) {
      steps.add(new long[] {Math.max(0, past), 1});
      steps.add(new long[] {Math.max(0, past), 4});
    }
    return steps.stream().allMatch(step -> probe.isCausal(mask, step[0], step[1], window));
  }

  /** How many positions a row sees at most; 0 for all, or where that can't be told. */
  private static long window(StepProbe probe, Value mask) {
    Set<Long> numbers = new TreeSet<>();
    for (int[] step : STEPS) {
      numbers.add((long) step[0]);
    }
    Set<Value> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    Deque<Value> open = new ArrayDeque<>(List.of(mask));
    while (!open.isEmpty()) {
      Value v = open.pop();
      Tensor number = v.constant();
      if (number != null && number.size() == 1 && !number.element().equals(ElementType.STRING)) {
        double n = Math.abs(number.get(0));
        if (n == Math.rint(n) && n <= LONGEST_WINDOW) {
          numbers.add((long) n + 2);
        }
      } else if (v.producer() != null && seen.add(v) && !v.producer().is("onnx.Shape")) {
        v.producer().operands().stream().filter(o -> o != null).forEach(open::push);
      }
    }
    for (long past : numbers) {
      long visible = probe.dependsOnStepOnly(mask) ? probe.visible(mask, past) : 0;
      if (visible > 0 && visible <= past) {
        return visible;
      }
    }
    return 0;
  }
}
