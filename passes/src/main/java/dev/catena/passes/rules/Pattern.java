package dev.catena.passes.rules;

import dev.catena.ir.Value;
import java.util.List;

/** The left side of a rule, matched against the expression that computes a value. */
@FunctionalInterface
public interface Pattern {
  /** All ways to match {@code value} that agree with {@code so far}; none is an empty list. */
  List<Match> match(Value value, Match soFar);

  /** The same pattern, its value bound to {@code name}. */
  default Pattern as(String name) {
    return (value, soFar) -> {
      Match bound = soFar.bind(name, value);
      return bound == null ? List.of() : match(value, bound);
    };
  }
}
