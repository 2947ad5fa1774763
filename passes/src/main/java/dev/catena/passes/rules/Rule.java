package dev.catena.passes.rules;

import java.util.function.Predicate;

/**
 * A rewrite: where {@code pattern} matches and {@code where} holds, {@code emit} builds the replacement.
 *
 * @param name    as counters and messages call it
 * @param doc     one English line
 * @param pattern its root names the operation the rule starts from
 */
public record Rule(String name, String doc, OpPattern pattern, Predicate<Match> where, Emit emit) {
  /** Builds the right side. */
  @FunctionalInterface
  public interface Emit {
    void emit(Match match, Rewrite rewrite);
  }

  public Rule(String name, String doc, OpPattern pattern, Emit emit) {
    this(name, doc, pattern, m -> true, emit);
  }
}
