package dev.catena.passes.rules;

import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.Value;
import java.util.HashMap;
import java.util.Map;

/** What a pattern's names stand for at one place of a stage. Immutable; binding gives a new match. */
public final class Match {
  static final Match EMPTY = new Match(Map.of());

  private final Map<String, Value> values;

  private Match(Map<String, Value> values) {
    this.values = values;
  }

  /** The match with {@code name} bound, or null where it already stands for another value. */
  Match bind(String name, Value value) {
    Value old = values.get(name);
    if (old == value) {
      return this;
    }
    if (old != null) {
      return null;
    }
    Map<String, Value> more = new HashMap<>(values);
    more.put(name, value);
    return new Match(more);
  }

  public boolean has(String name) {
    return values.containsKey(name);
  }

  /** The value bound to {@code name}; {@code root} is the result that the whole pattern matched. */
  public Value value(String name) {
    Value v = values.get(name);
    if (v == null) {
      throw new IllegalStateException("the pattern binds no $" + name);
    }
    return v;
  }

  /** The operation whose result is bound to {@code name}. */
  public Operation operation(String name) {
    return value(name).producer();
  }

  /** The number bound by {@link Patterns#scalar}. */
  public double scalar(String name) {
    Tensor t = value(name).constant();
    return t.get(0);
  }
}
