package dev.catena.passes.rules;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The functions of conditions and expressions, by name; README.md in the folder of rule files lists them. */
final class Functions {
  /** A function over arguments that all are known; gives null where it can't tell. */
  interface Meaning {
    Object of(List<Object> arguments);
  }

  /**
   * A declared function.
   *
   * @param lazy whether arguments may be unknown (null)
   */
  record Function(int arguments, boolean lazy, Meaning meaning) {}

  /** The widest norm that rules make weights for. */
  private static final long MOST_ONES = 1 << 20;

  private static final Map<String, Function> ALL = new TreeMap<>();

  static {
    add("rank", 1, a -> tensor(a) == null ? null : Dim.of(tensor(a).rank()));
    add("dim", 2, Functions::dim);
    add("element", 1, a -> tensor(a) == null ? null : tensor(a).element());
    add("type", 1, a -> a.get(0) instanceof Value v ? v.type() : null);
    add("uses", 1, a -> a.get(0) instanceof Value v ? Dim.of(v.uses().size()) : null);
    add("axis", 2, a -> axis(Numbers.integer(a.get(0)), tensor(a.subList(1, 2))));
    add("widths", 1, a -> widths(a.get(0)));
    add("copies", 1, a -> Numbers.integers(a.get(0)) == null ? null : (Object) Numbers.integers(a.get(0)).stream()
        .anyMatch(d -> d.is(0)));
    add("repeated", 2, a -> repeated(Numbers.integer(a.get(0)), Numbers.integer(a.get(1))));
    add("ones", 1, a -> ones(Numbers.integer(a.get(0))));
    add("elements", 1, a -> tensor(a) == null ? null : tensor(a).elements());
    add("min", 2, a -> extremum(a, -1));
    add("max", 2, a -> extremum(a, 1));
    add("sqrt", 1, a -> Numbers.real(a.get(0)) == null ? null : (Object) Math.sqrt(Numbers.real(a.get(0))));
    add("range", 1, a -> range(Numbers.integer(a.get(0))));
    add("scalar", 1, a -> a.get(0) instanceof Value v && Constants.number(v) != null);
    add("constant", 1, a -> a.get(0) instanceof Value v && Constants.is(v));
    add("weight", 1, a -> a.get(0) instanceof Value v && v.weight() != null);
    add("argument", 1, a -> a.get(0) instanceof Value v && v.isArgument());
    add("float", 1, a -> tensor(a) == null ? null : (Object) tensor(a).element().isFloat());
    add("integer", 1, a -> tensor(a) == null ? null : (Object) tensor(a).element().isInteger());
    add("last", 2, a -> {
      Dim axis = axis(Numbers.integer(a.get(0)), tensor(a.subList(1, 2)));
      return axis == null ? null : (Object) axis.is(tensor(a.subList(1, 2)).rank() - 1);
    });
    ALL.put("known", new Function(1, true, a -> Numbers.integer(a.get(0)) != null && Numbers.integer(a.get(0)).isKnown()));
    ALL.put("bound", new Function(1, true, a -> a.get(0) != null));
    ALL.put("first", new Function(2, true, a -> a.get(0) != null ? a.get(0) : a.get(1)));
  }

  private Functions() {}

  private static void add(String name, int arguments, Meaning meaning) {
    ALL.put(name, new Function(arguments, false, meaning));
  }

  /** The function, or null. */
  static Function find(String name) {
    return ALL.get(name);
  }

  static String names() {
    return String.join(", ", ALL.keySet());
  }

  private static TensorType tensor(List<Object> arguments) {
    return arguments.get(0) instanceof Value v && v.type() instanceof TensorType t ? t : null;
  }

  private static Object dim(List<Object> arguments) {
    TensorType t = tensor(arguments);
    Dim axis = t == null ? null : axis(Numbers.integer(arguments.get(1)), t);
    return axis == null ? null : t.dim((int) axis.value());
  }

  /** An axis counted from the front, or null where the tensor has no such axis. */
  private static Dim axis(Dim axis, TensorType t) {
    if (axis == null || t == null || !axis.isKnown() || axis.value() < -t.rank() || axis.value() >= t.rank()) {
      return null;
    }
    return axis.value() < 0 ? axis.plus(Dim.of(t.rank())) : axis;
  }

  /** The last dimensions of all results of the operation that gives a value. */
  private static Object widths(Object value) {
    if (!(value instanceof Value v) || v.producer() == null) {
      return null;
    }
    List<Dim> all = new ArrayList<>();
    for (Value r : v.producer().results()) {
      if (!(r.type() instanceof TensorType t) || t.rank() == 0) {
        return null;
      }
      all.add(t.dim(-1));
    }
    return all;
  }

  /** 0, 0, 1, 1, …: each index below {@code count} as often as {@code times} says. */
  private static Object repeated(Dim count, Dim times) {
    if (count == null || times == null || !count.isKnown() || !times.isKnown() || times.value() < 1
        || count.value() > 4096 || times.value() > 4096) {
      return null;
    }
    List<Dim> all = new ArrayList<>();
    for (long i = 0; i < count.value() * times.value(); i++) {
      all.add(Dim.of(i / times.value()));
    }
    return all;
  }

  /** As many ones, for a vector that changes nothing. */
  private static Object ones(Dim count) {
    return count == null || !count.isKnown() || count.value() < 1 || count.value() > MOST_ONES ? null
        : Collections.nCopies((int) count.value(), Dim.of(1));
  }

  private static Object extremum(List<Object> a, int sign) {
    Dim m = Numbers.integer(a.get(0));
    Dim n = Numbers.integer(a.get(1));
    if (m != null && n != null && m.isKnown() && n.isKnown()) {
      return Long.compare(m.value(), n.value()) * sign > 0 ? m : n;
    }
    Double x = Numbers.real(a.get(0));
    Double y = Numbers.real(a.get(1));
    return x == null || y == null ? null : (Object) (Double.compare(x, y) * sign > 0 ? x : y);
  }

  private static Object range(Dim count) {
    if (count == null || !count.isKnown()) {
      return null;
    }
    List<Dim> all = new ArrayList<>();
    for (long i = 0; i < count.value(); i++) {
      all.add(Dim.of(i));
    }
    return all;
  }

  /** What a name stands for, as expressions see it: attributes as plain values. */
  static Object plain(Object bound) {
    if (bound instanceof Attribute.Int i) {
      return Dim.of(i.value());
    } else if (bound instanceof Attribute.Real r) {
      return r.value();
    } else if (bound instanceof Attribute.Ints i) {
      return i.values().stream().map(Dim::of).toList();
    } else if (bound instanceof Attribute.Element e) {
      return e.value();
    } else if (bound instanceof Attribute.Text t) {
      return t.value();
    } else if (bound instanceof Attribute.Flag f) {
      return f.value();
    }
    return bound;
  }

  /** The element type of this keyword, or null. */
  static ElementType element(String keyword) {
    for (ElementType e : ElementType.values()) {
      if (e.keyword().equals(keyword)) {
        return e;
      }
    }
    return null;
  }
}
