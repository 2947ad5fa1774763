package dev.catena.passes.rules;

import dev.catena.ir.Dim;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;

/** The vocabulary of rules: variables, constants, operations, optional links, alternatives. */
public final class Patterns {
  /** Two constants count as equal within this relative distance: exporters write 1e-5 as an f32. */
  private static final double TOLERANCE = 1e-6;

  private Patterns() {}

  /** Any value, bound to {@code name}; the same name must stand for the same value everywhere. */
  public static Pattern v(String name) {
    return (value, soFar) -> {
      Match bound = soFar.bind(name, value);
      return bound == null ? List.of() : List.of(bound);
    };
  }

  /** Any value, bound to {@code name}, of which {@code condition} holds. */
  public static Pattern v(String name, Predicate<Value> condition) {
    return (value, soFar) -> condition.test(value) ? v(name).match(value, soFar) : List.of();
  }

  /** Any value at all. */
  public static Pattern any() {
    return (value, soFar) -> List.of(soFar);
  }

  /** A constant of one element close to {@code number}. */
  public static Pattern number(double number) {
    return (value, soFar) -> {
      Tensor t = value.constant();
      return t != null && t.size() == 1 && Math.abs(t.get(0) - number) <= TOLERANCE * Math.max(1, Math.abs(number))
          ? List.of(soFar) : List.of();
    };
  }

  /** A constant of one element, bound to {@code name}. */
  public static Pattern scalar(String name) {
    return v(name, value -> value.constant() != null && value.constant().size() == 1
        && !(value.constant().element() == dev.catena.ir.ElementType.STRING));
  }

  /** A small integer constant with exactly these elements. */
  public static Pattern ints(long... elements) {
    return (value, soFar) -> {
      long[] known = knownIntegers(value);
      return known != null && Arrays.equals(known, elements) ? List.of(soFar) : List.of();
    };
  }

  /** The elements of an integer value where all of them are known, else null. */
  public static long[] knownIntegers(Value value) {
    if (value == null) {
      return null;
    }
    Tensor t = value.constant();
    if (t != null && t.element().isInteger()) {
      return t.longs().clone();
    }
    Dim[] contents = value.contents();
    if (contents == null || !Arrays.stream(contents).allMatch(Dim::isKnown)) {
      return null;
    }
    return Arrays.stream(contents).mapToLong(Dim::value).toArray();
  }

  /** An operation with a pattern for each operand; operands that aren't listed must be absent. */
  public static OpPattern op(String name, Pattern... operands) {
    return new OpPattern(name, List.of(operands), o -> true);
  }

  /** {@code inner} with or without one operation of this name, of one operand, in front. */
  public static Pattern optional(String name, Pattern inner) {
    return either(inner, op(name, inner));
  }

  /** Any of several patterns. */
  public static Pattern either(Pattern... patterns) {
    return (value, soFar) -> {
      List<Match> all = new ArrayList<>();
      for (Pattern p : patterns) {
        all.addAll(p.match(value, soFar));
      }
      return all;
    };
  }

  /** Holds where an integer-list attribute is {@code elements}. */
  public static Predicate<Operation> attribute(String name, long... elements) {
    return op -> op.hasAttribute(name)
        && op.intsAttribute(name).equals(Arrays.stream(elements).boxed().toList());
  }

  /** Holds where attribute {@code axis} names the last axis of the first result. */
  public static boolean lastAxis(Operation op) {
    long axis = op.intAttribute("axis");
    return axis == -1 || axis == op.result().tensorType().rank() - 1;
  }

  /** A constant tensor of this rank: a weight or a small inline constant. */
  public static Predicate<Value> constantOfRank(int rank) {
    return value -> (value.weight() != null || value.constant() != null)
        && value.type() instanceof TensorType t && t.rank() == rank;
  }
}
