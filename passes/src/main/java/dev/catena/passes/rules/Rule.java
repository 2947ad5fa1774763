package dev.catena.passes.rules;

import java.util.List;

/**
 * A rewrite, read from a rule file: where {@code pattern} matches and all conditions hold, each replacement is built.
 *
 * @param name         as counters and messages call it
 * @param doc          one English line
 * @param place        {@code file:line}
 * @param pattern      the left side; its root is an operation
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

  /** The operation that the pattern's root must be. */
  Pattern.Op root() {
    Pattern p = pattern;
    while (p instanceof Pattern.Named n) {
      p = n.inner();
    }
    return (Pattern.Op) p;
  }
}
