package dev.catena.passes.rules;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.ir.Value;
import java.util.Arrays;
import java.util.List;

/** What rules know of constants. */
final class Constants {
  /** Two constants count as equal within this relative distance: exporters write 1e-5 as an f32. */
  private static final double TOLERANCE = 1e-6;

  private Constants() {}

  static boolean close(double a, double b) {
    return a == b || Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b));
  }

  /** Whether the value is a weight or an inline constant. */
  static boolean is(Value value) {
    return value.weight() != null || value.constant() != null;
  }

  /** The number in an inline constant of one element, else null. */
  static Double number(Value value) {
    Tensor t = value.constant();
    return t != null && t.size() == 1 && t.element() != ElementType.STRING ? (Double) t.get(0) : null;
  }

  /** The elements of an integer value as expressions over dimensions, else null. */
  static List<Dim> contents(Value value) {
    Tensor t = value.constant();
    if (t != null && t.element().isInteger()) {
      return Dim.list(t.longs());
    }
    return value.contents() == null ? null : Arrays.asList(value.contents());
  }

  /** The elements of an integer value where all of them are known, else null. */
  static List<Long> integers(Value value) {
    List<Dim> contents = contents(value);
    return contents == null || !contents.stream().allMatch(Dim::isKnown) ? null
        : contents.stream().map(Dim::value).toList();
  }

  /** Whether attributes are equal, real numbers within the tolerance; {@code found} may be null. */
  static boolean same(Attribute expected, Attribute found) {
    if (expected instanceof Attribute.Real e && found instanceof Attribute.Real f) {
      return close(f.value(), e.value());
    }
    return expected.equals(found);
  }
}
