package dev.catena.passes.rules;

import dev.catena.ir.Attribute;
import dev.catena.ir.Value;
import java.util.HashMap;
import java.util.Map;

/** What a pattern's names stand for at one place of a stage. Immutable; binding gives a new match. */
public final class Match {
  static final Match EMPTY = new Match(Map.of(), 0);

  /** Each a {@link Value} or an {@link Attribute}. */
  private final Map<String, Object> bound;
  private final int operations;

  private Match(Map<String, Object> bound, int operations) {
    this.bound = bound;
    this.operations = operations;
  }

  /** The match with {@code name} bound, or null where it already stands for something else. */
  Match bind(String name, Object value) {
    Object old = bound.get(name);
    if (old != null) {
      return same(old, value) ? this : null;
    }
    Map<String, Object> more = new HashMap<>(bound);
    more.put(name, value);
    return new Match(more, operations);
  }

  /** Constants of equal content are one value to a rule: nobody promises that they were shared before. */
  private static boolean same(Object a, Object b) {
    if (a == b || a instanceof Attribute && a.equals(b)) {
      return true;
    }
    return a instanceof Value v && b instanceof Value w && v.constant() != null && v.constant().equals(w.constant());
  }

  /** The match with one operation more. */
  Match withOperation() {
    return new Match(bound, operations + 1);
  }

  /** How many operations matched so far: how near a partial match is to a whole one. */
  int operations() {
    return operations;
  }

  /** What {@code name} stands for, a {@link Value} or an {@link Attribute}, or null. */
  Object get(String name) {
    return bound.get(name);
  }

  /** The value bound to {@code name}; {@code root} is the result that the whole pattern matched. */
  public Value value(String name) {
    if (bound.get(name) instanceof Value v) {
      return v;
    }
    throw new IllegalStateException("the pattern binds no value $" + name);
  }
}
