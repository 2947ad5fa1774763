package dev.catena.passes.rules;

import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.text.Suggestion;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** For the author of a rule: where it matches in a module, and where it nearly does, with what stood in its way. */
public final class RuleExplanation {
  /** Fewer than this many operations in common are no near miss. */
  private static final int NEAR = 2;
  private static final int MOST_SHOWN = 12;

  /** A place where a rule stopped, and after how many operations. */
  private record Miss(Rule rule, Operation place, NearMiss miss) {
    String text() {
      return NearMiss.describe(place.result()) + ": " + miss.operations() + (miss.operations() == 1 ? " operation" : " operations")
          + " fit, then " + miss.what();
    }
  }

  private RuleExplanation() {}

  /**
   * Runs the rules that come before {@code name} and then its own file's on the module, and tells how the rule fared.
   *
   * @throws RuleException where there is no such rule, in one line that names those like it
   */
  public static String of(String name, Module module) {
    Rule rule = RuleFiles.find(name);
    if (rule == null) {
      throw new RuleException(List.of("there is no rule " + name + alike(name)));
    }
    StringBuilder s = new StringBuilder("rule " + rule.name() + " (" + rule.place() + "): " + rule.doc() + "\n");
    for (Stage stage : module.stages()) {
      List<String> matched = new ArrayList<>();
      for (List<Rule> group : RuleFiles.phase(RuleFiles.phaseOf(rule))) {
        RuleEngine.apply(group, module, stage, (r, op) -> {
          if (r == rule) {
            matched.add(NearMiss.describe(op.result()));
          }
        });
        if (group.contains(rule)) {
          break;
        }
      }
      List<Miss> missed = misses(List.of(rule), stage).stream().filter(m -> m.miss.operations() >= NEAR).toList();
      list(s, "@" + stage.name() + ": matched", matched);
      list(s, "@" + stage.name() + ": nearly matched", missed.stream().map(Miss::text).toList());
    }
    return s.toString();
  }

  private static void list(StringBuilder s, String heading, List<String> lines) {
    s.append(heading).append(' ').append(lines.size()).append(lines.size() == 1 ? " time\n" : " times\n");
    lines.stream().limit(MOST_SHOWN).forEach(l -> s.append("  ").append(l).append('\n'));
    if (lines.size() > MOST_SHOWN) {
      s.append("  and ").append(lines.size() - MOST_SHOWN).append(" more\n");
    }
  }

  /** What came nearest to becoming {@code operation} in the stage, in one line; null where nothing came near. */
  public static String nearest(String operation, Stage stage) {
    List<Rule> rules = RuleFiles.all().stream()
        .filter(r -> r.replacements().stream().anyMatch(e -> e.template().builds(operation))).toList();
    return misses(rules, stage).stream().filter(m -> m.miss.operations() >= NEAR).findFirst()
        .map(m -> "rule " + m.rule.name() + " nearly matches at " + m.text()).orElse(null);
  }

  /** The furthest first. */
  private static List<Miss> misses(List<Rule> rules, Stage stage) {
    List<Miss> all = new ArrayList<>();
    for (Operation op : stage.operations()) {
      for (Rule rule : rules) {
        NearMiss miss = new NearMiss();
        if (rule.roots().contains(op.definition()) && RuleEngine.find(rule, op, miss) == null && miss.operations() > 0) {
          all.add(new Miss(rule, op, miss));
        }
      }
    }
    all.sort(Comparator.comparingInt((Miss m) -> -m.miss.operations()));
    return all;
  }

  /** The rule of the nearest name, else those whose names share a word, else all. */
  private static String alike(String name) {
    List<String> words = List.of(name.toLowerCase(Locale.ROOT).split("[^a-z0-9]+"));
    List<String> all = RuleFiles.all().stream().map(Rule::name).sorted().toList();
    List<String> close = all.stream().filter(n -> words.stream().anyMatch(w -> w.length() > 2 && n.contains(w))).toList();
    String near = Suggestion.among(name, all);
    return !near.isEmpty() ? near : (close.isEmpty() ? "; there are " : "; like it are ") + (close.isEmpty() ? all : close).stream()
        .collect(Collectors.joining(", "));
  }
}
