package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Value;

/**
 * A mask that a decoder computes itself becomes a property of its attention where it is causal. Exporters write it in
 * many ways (Trilu, ScatterND, Range and Less, Where, slices of a constant); here it is a function of the step alone, and
 * is evaluated at steps of different kinds: first and later ones, short and long, one row and many. A mask that
 * reads activations is never taken for causal. That the steps between behave alike is written on the stage.
 */
public final class CausalMaskPass extends Pass {
  /** Past and rows; beyond the sizes of any vector or page. */
  private static final int[][] STEPS = {{0, 1}, {0, 2}, {0, 7}, {1, 1}, {5, 1}, {4, 3}, {3, 9}, {64, 1}, {61, 5}, {0, 33}};

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
          if (isCausal(probe, mask)) {
            op.setOperand(5, null);
            op.setAttribute("causal", Attribute.of(true));
            stage.setAttribute("assume.mask_between_samples", Attribute.of("causal"));
            context.count("causal-mask.attention", 1);
          }
        }
      }
      DeadCode.remove(stage);
    }
    module.removeUnusedWeights();
  }

  private static boolean isCausal(StepProbe probe, Value mask) {
    for (int[] step : STEPS) {
      if (!probe.dependsOnStepOnly(mask) || !probe.isCausal(mask, step[0], step[1])) {
        return false;
      }
    }
    return true;
  }
}
