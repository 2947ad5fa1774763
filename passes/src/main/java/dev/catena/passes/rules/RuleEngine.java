package dev.catena.passes.rules;

import dev.catena.ir.Module;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Value;
import dev.catena.passes.DeadCode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;

/** Applies rules to a stage until none matches. */
public final class RuleEngine {
  /** More sweeps than this mean that rules undo each other. */
  private static final int MOST_SWEEPS = 100;

  private RuleEngine() {}

  /** Returns how often each rule was applied, by name. */
  public static Map<String, Integer> apply(List<Rule> rules, Module module, Stage stage) {
    Map<String, Integer> applied = new TreeMap<>();
    apply(rules, module, stage, (rule, op) -> applied.merge(rule.name(), 1, Integer::sum));
    return applied;
  }

  /** Tells {@code seen} of each rule that matches, and where, before it is applied. */
  static void apply(List<Rule> rules, Module module, Stage stage, BiConsumer<Rule, Operation> seen) {
    Map<OpDefinition, List<Rule>> byRoot = new HashMap<>();
    rules.forEach(rule -> rule.roots().forEach(root -> byRoot.computeIfAbsent(root, r -> new ArrayList<>()).add(rule)));
    for (int sweep = 0; sweep(byRoot, module, stage, seen); sweep++) {
      if (sweep == MOST_SWEEPS) {
        throw new IllegalStateException("rules don't come to an end in stage @" + stage.name() + ": "
            + rules.stream().map(Rule::name).toList());
      }
    }
  }

  private static boolean sweep(Map<OpDefinition, List<Rule>> byRoot, Module module, Stage stage, BiConsumer<Rule, Operation> seen) {
    boolean changed = false;
    for (Operation op : List.copyOf(stage.operations())) {
      if (op.results().stream().allMatch(r -> r.uses().isEmpty())) {
        continue; // replaced by an earlier rule of this sweep
      }
      for (Rule rule : byRoot.getOrDefault(op.definition(), List.of())) {
        if (applyAt(rule, op, module, stage, seen)) {
          changed = true;
          break;
        }
      }
    }
    if (changed) {
      DeadCode.remove(stage);
    }
    return changed;
  }

  private static boolean applyAt(Rule rule, Operation op, Module module, Stage stage,
      BiConsumer<Rule, Operation> seen) {
    Match m = find(rule, op, null);
    if (m == null) {
      return false;
    }
    seen.accept(rule, op);
    new Rewrite(rule, m, op, module, stage).apply();
    if (rule.replacements().stream().anyMatch(r -> !r.replaced().equals(List.of(Rule.ROOT))) && !inOrder(stage)) {
      DeadCode.remove(stage); // what stood between an escaping value and the root may depend on both
      stage.sortTopologically();
    }
    return true;
  }

  /** The first match at {@code op} of which all conditions hold, or null; {@code misses} is told why, and may be null. */
  static Match find(Rule rule, Operation op, NearMiss misses) {
    List<Match> matches = new Matcher(misses).match(rule.pattern(), op.result(), Match.EMPTY.bind(Rule.ROOT, op.result()));
    for (Match m : matches) {
      String failed = failure(rule, m);
      if (failed == null) {
        return m;
      }
      if (misses != null) {
        misses.note(m.withOperation(), () -> failed); // further than any that lacks an operation
      }
    }
    return null;
  }

  private static String failure(Rule rule, Match m) {
    for (Rule.Condition c : rule.conditions()) {
      if (!Boolean.TRUE.equals(c.truth().of(m))) {
        return "the condition " + c.text() + " doesn't hold";
      }
    }
    return Rewrite.obstacle(rule, m);
  }

  private static boolean inOrder(Stage stage) {
    Set<Value> known = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Operation op : stage.operations()) {
      for (Value v : op.operands()) {
        if (v != null && v.producer() != null && !known.contains(v)) {
          return false;
        }
      }
      known.addAll(op.results());
    }
    return true;
  }
}
