package dev.catena.passes.rules;

import dev.catena.ir.Operation;
import dev.catena.ir.Value;
import java.util.function.Supplier;

/** Keeps, of all attempts to match at one place, the one that came furthest, and what stopped it. */
final class NearMiss {
  private int operations;
  private String what = "";

  /** Notes that a match of {@code soFar} went no further; of equally far ones the first is kept. */
  void note(Match soFar, Supplier<String> why) {
    if (soFar.operations() > operations) {
      operations = soFar.operations();
      what = why.get();
    }
  }

  /** How many operations the best attempt matched. */
  int operations() {
    return operations;
  }

  String what() {
    return what;
  }

  /** A value as messages call it: by its operation and where that came from. */
  static String describe(Value value) {
    Operation op = value.producer();
    if (op == null) {
      return (value.weight() != null ? "weight @" : "argument %") + value.name() + " : " + value.type().text();
    }
    return op.name() + " %" + value.name() + (op.origin().isEmpty() ? "" : " (" + op.origin() + ")");
  }
}
