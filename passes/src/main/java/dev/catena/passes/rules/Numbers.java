package dev.catena.passes.rules;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.Value;
import java.util.List;

/** Arithmetic and comparison in rules: integers are symbolic and exact, real numbers are compared within the tolerance. */
final class Numbers {
  private Numbers() {}

  /** The integer that {@code o} is, or holds as its only element, else null. */
  static Dim integer(Object o) {
    if (o instanceof Dim d) {
      return d;
    }
    List<Dim> all = integers(o);
    return all != null && all.size() == 1 ? all.get(0) : null;
  }

  /** The list of integers that {@code o} is or holds, else null. */
  static List<Dim> integers(Object o) {
    if (o instanceof List<?> l) {
      return l.stream().allMatch(Dim.class::isInstance) ? l.stream().map(Dim.class::cast).toList() : null;
    }
    return o instanceof Value v ? Constants.contents(v) : null;
  }

  /** The number that {@code o} is or holds, else null. */
  static Double real(Object o) {
    if (o instanceof Double d) {
      return d;
    }
    Dim integer = integer(o);
    if (integer != null) {
      return integer.isKnown() ? (Double) (double) integer.value() : null;
    }
    return o instanceof Value v ? Constants.number(v) : null;
  }

  /** {@code a operator b}; a quotient of integers is an integer where nothing is left. */
  static Object compute(String operator, Object a, Object b) {
    Dim m = integer(a);
    Dim n = integer(b);
    if (m != null && n != null) {
      switch (operator) {
        case "+":
          return m.plus(n);
        case "-":
          return m.minus(n);
        case "*":
          return m.times(n);
        case "%":
          return m.isKnown() && n.isKnown() && n.value() != 0 ? Dim.of(Math.floorMod(m.value(), n.value())) : null;
        default:
          if (!n.is(0) && m.dividedBy(n).times(n).equals(m)) {
            return m.dividedBy(n);
          }
      }
    }
    Double x = real(a);
    Double y = real(b);
    if (x == null || y == null) {
      return null;
    }
    return switch (operator) {
      case "+" -> x + y;
      case "-" -> x - y;
      case "*" -> x * y;
      case "/" -> x / y;
      default -> null;
    };
  }

  /** Whether {@code a relation b} holds; null where it can't be told. */
  static Boolean compare(String relation, Object a, Object b) {
    if (relation.equals("=")) {
      return equal(a, b);
    }
    Dim m = integer(a);
    Dim n = integer(b);
    if (m != null && n != null && !(m.isKnown() && n.isKnown())) {
      return switch (relation) { // provably, for all sizes
        case ">=" -> m.isAtLeast(n);
        case "<=" -> n.isAtLeast(m);
        case ">" -> m.isAtLeast(n.plus(Dim.of(1)));
        default -> n.isAtLeast(m.plus(Dim.of(1)));
      };
    }
    Double x = real(a);
    Double y = real(b);
    if (x == null || y == null) {
      return null;
    }
    return switch (relation) {
      case ">=" -> x >= y;
      case "<=" -> x <= y;
      case ">" -> x > y;
      default -> x < y;
    };
  }

  private static Boolean equal(Object a, Object b) {
    if (a instanceof Value && a == b) {
      return true;
    }
    if (integer(a) != null && integer(b) != null) {
      return integer(a).equals(integer(b));
    }
    if (integers(a) != null && integers(b) != null) {
      return integers(a).equals(integers(b));
    }
    if (real(a) != null && real(b) != null) {
      return Constants.close(real(a), real(b));
    }
    return a instanceof Value || b instanceof Value ? null : (Boolean) a.equals(b);
  }

  /** The result as an attribute of the declared kind, or null where it is none. */
  static Attribute attribute(Class<? extends Attribute> kind, Object o) {
    if (kind == Attribute.Int.class) {
      return integer(o) != null && integer(o).isKnown() ? Attribute.of(integer(o).value()) : null;
    } else if (kind == Attribute.Real.class) {
      return real(o) == null ? null : Attribute.of(real(o).doubleValue());
    } else if (kind == Attribute.Ints.class) {
      List<Dim> all = integers(o);
      return all != null && all.stream().allMatch(Dim::isKnown)
          ? new Attribute.Ints(all.stream().map(Dim::value).toList()) : null;
    } else if (kind == Attribute.Text.class) {
      return o instanceof String s ? Attribute.of(s) : null;
    } else if (kind == Attribute.Flag.class) {
      return o instanceof Boolean b ? Attribute.of(b.booleanValue()) : null;
    } else if (kind == Attribute.Element.class) {
      return o instanceof ElementType e ? new Attribute.Element(e) : null;
    }
    return null;
  }
}
