package dev.catena.passes.rules;

/**
 * Something computed from what a pattern's names stand for: a {@link dev.catena.ir.Dim} (an integer, symbolic or known),
 * a {@link Double}, a list of dims, an element type, a type, a text, a truth, or a value as it is.
 */
@FunctionalInterface
interface Expression {
  /** The result, or null where it can't be told: a name isn't bound, a constant isn't known. */
  Object of(Match match);
}
