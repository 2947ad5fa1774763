package dev.catena.passes;

import dev.catena.ir.Module;
import dev.catena.ir.Stage;
import dev.catena.passes.rules.ActivationRules;
import dev.catena.passes.rules.AttentionRules;
import dev.catena.passes.rules.LinearRules;
import dev.catena.passes.rules.NormRules;
import dev.catena.passes.rules.ResidualRules;
import dev.catena.passes.rules.RopeRules;
import dev.catena.passes.rules.Rule;
import dev.catena.passes.rules.RuleEngine;
import java.util.List;

/** Finds in the exporter's operations what a language model is made of. */
public final class RaisePass extends Pass {
  /**
   * Groups in order; a group may build on the results of those before it. Residual additions come last because an
   * addition is part of several larger patterns.
   */
  private static final List<List<Rule>> GROUPS = List.of(NormRules.RULES, LinearRules.RULES, ActivationRules.RULES,
      RopeRules.RULES, AttentionRules.RULES, ResidualRules.RULES);

  public RaisePass() {
    super("raise", "raise ONNX operations to the nn dialect by rules");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    for (Stage stage : module.stages()) {
      for (List<Rule> group : GROUPS) {
        RuleEngine.apply(group, module, stage).forEach((rule, n) -> context.count("raise." + rule, n));
      }
      DeadCode.remove(stage);
    }
    module.removeUnusedWeights();
  }
}
