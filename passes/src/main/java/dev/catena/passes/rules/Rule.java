package dev.catena.passes.rules;

import dev.catena.ir.OpDefinition;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A rewrite, read from a rule file: where {@code pattern} matches and all conditions hold, each replacement is built.
 *
 * @param name         as counters and messages call it
 * @param doc          one English line
 * @param place        {@code file:line}
 * @param pattern      the left side; its root is an operation, or one of several
 * @param conditions   all must hold
 * @param replacements the right sides
 * @param examples     small values by which the rule is checked
 */
public record Rule(String name, String doc, String place, Pattern pattern, List<Condition> conditions,
    List<Replacement> replacements, List<RuleExample> examples) {
  /** The root's name: the pattern binds it before anything else. */
  static final String ROOT = "root";

  /** A condition with its text, for messages. */
  record Condition(String text, Expression truth) {}

  /** A right side and the matched values that its results replace, in order. */
  record Replacement(Template template, List<String> replaced) {}

  /** Whether an operation has as many results as there is need for, so that it replaces all of the root's. */
  static boolean isOpen(OpDefinition definition) {
    return definition.results().get(0).arity() == OpDefinition.Arity.VARIADIC;
  }

  /** The operations that the pattern's root may be. */
  Set<OpDefinition> roots() {
    return roots(pattern);
  }

  /** Empty where the pattern doesn't start from an operation. */
  static Set<OpDefinition> roots(Pattern pattern) {
    if (pattern instanceof Pattern.Named n) {
      return roots(n.inner());
    } else if (pattern instanceof Pattern.Op op) {
      return Set.of(op.definition());
    } else if (pattern instanceof Pattern.Repeated r) {
      return Set.of(r.definition());
    } else if (pattern instanceof Pattern.Either e && e.ways().stream().noneMatch(w -> roots(w).isEmpty())) {
      return e.ways().stream().flatMap(w -> roots(w).stream()).collect(Collectors.toSet());
    }
    return Set.of();
  }
}
