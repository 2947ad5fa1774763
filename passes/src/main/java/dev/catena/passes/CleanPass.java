package dev.catena.passes;

import dev.catena.ir.Block;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import dev.catena.passes.rules.Rule;
import dev.catena.passes.rules.RuleEngine;
import dev.catena.passes.rules.RuleFiles;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
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

  private static int shareCommon(Block block) {
    Map<Key, Operation> seen = new HashMap<>();
    int shared = 0;
    for (Operation op : List.copyOf(block.operations())) {
      for (Block region : op.regions()) {
        shared += shareCommon(region);
      }
      if (!op.definition().has(Trait.PURE) || !op.regions().isEmpty()) {
        continue;
      }
      Key key = new Key(op.name(), operands(op), Map.copyOf(op.attributes()), op.results().size());
      Operation first = seen.putIfAbsent(key, op);
      if (first != null && first.results().stream().map(Value::type).toList()
          .equals(op.results().stream().map(Value::type).toList())) {
        for (int i = 0; i < op.results().size(); i++) {
          block.replaceUses(op.result(i), first.result(i));
        }
        shared++;
      }
    }
    return shared;
  }

  /** Values have identity, so lists of them compare as wanted; those that may be exchanged are a set. */
  private static List<Object> operands(Operation op) {
    List<Object> all = new ArrayList<>(op.operands()); // absent ones are null
    if (op.definition().has(Trait.COMMUTATIVE) && all.size() >= 2) {
      all.set(0, new HashSet<>(all.subList(0, 2)));
      all.remove(1);
    }
    return all;
  }
}
