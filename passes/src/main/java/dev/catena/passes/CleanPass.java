package dev.catena.passes;

import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Trait;
import dev.catena.passes.rules.Rule;
import dev.catena.passes.rules.RuleEngine;
import dev.catena.passes.rules.RuleFiles;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Removes operations that change nothing, computes equal expressions once, and drops what nobody uses. */
public final class CleanPass extends Pass {
  public CleanPass() {
    super("clean", "remove no-ops, repeated expressions and dead code");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    for (Stage stage : module.stages()) {
      for (List<Rule> group : RuleFiles.phase(name())) {
        RuleEngine.apply(group, module, stage).forEach((rule, n) -> context.count("clean." + rule, n));
      }
      context.count("clean.common", shareCommon(stage));
      context.count("clean.dead", DeadCode.remove(stage));
    }
    module.removeUnusedWeights();
  }

  private record Key(String name, List<Object> operands, Map<String, ?> attributes, int results) {}

  private static int shareCommon(Stage stage) {
    Map<Key, Operation> seen = new HashMap<>();
    int shared = 0;
    for (Operation op : List.copyOf(stage.operations())) {
      if (!op.definition().has(Trait.PURE)) {
        continue;
      }
      // Values have identity, so a list of them compares as wanted; absent operands are null.
      Key key = new Key(op.name(), new java.util.ArrayList<>(op.operands()), Map.copyOf(op.attributes()),
          op.results().size());
      Operation first = seen.putIfAbsent(key, op);
      if (first != null && first.results().stream().map(r -> r.type()).toList()
          .equals(op.results().stream().map(r -> r.type()).toList())) {
        for (int i = 0; i < op.results().size(); i++) {
          stage.replaceUses(op.result(i), first.result(i));
        }
        shared++;
      }
    }
    return shared;
  }
}
