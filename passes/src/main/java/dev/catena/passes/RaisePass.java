package dev.catena.passes;

import dev.catena.ir.Module;
import dev.catena.ir.Stage;
import dev.catena.passes.rules.Rule;
import dev.catena.passes.rules.RuleEngine;
import dev.catena.passes.rules.RuleFiles;
import java.util.List;

/** Finds in the exporter's operations what a language model is made of. */
public final class RaisePass extends Pass {
  public RaisePass() {
    super("raise", "raise ONNX operations to the nn dialect by rules");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    for (Stage stage : module.stages()) {
      for (List<Rule> group : RuleFiles.phase(name())) {
        RuleEngine.apply(group, module, stage).forEach((rule, n) -> context.count("raise." + rule, n));
        stage.inferTypes(); // what took the place of others may know its sizes better
      }
      DeadCode.remove(stage);
    }
    module.removeUnusedWeights();
  }
}
