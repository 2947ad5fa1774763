package dev.catena.ir;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A dimension, or an integer computed from dimensions: a polynomial with integer coefficients over symbols, kept in
 * canonical form so that equal expressions are equal objects. What isn't polynomial (minimum, division) becomes an
 * opaque symbol named by its own canonical text.
 */
public final class Dim {
  /** Longer products and texts than any model's shapes give: a hostile file must not make them grow without end. */
  private static final int MOST_TERMS = 256;
  private static final int HIGHEST_DEGREE = 16;
  private static final int LONGEST_ATOM = 2000;

  private static final Comparator<List<String>> BY_TEXT = Comparator.comparing(Dim::text);
  private static final List<String> ONE = List.of();

  private static final Pattern IDENTIFIER = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");
  private static final Pattern SYMBOL = Pattern.compile("\\?(?:[A-Za-z_][A-Za-z0-9_]*|\"(?:[^\"\\\\]|\\\\.)*\")");

  /** Coefficients by monomial; null where the dimension is known: a graph has many of those, and a map takes 100 bytes. */
  private final TreeMap<List<String>, Long> terms;
  private final long known;

  private Dim(TreeMap<List<String>, Long> terms, long known) {
    this.terms = terms;
    this.known = known;
  }

  public static Dim of(long value) {
    return new Dim(null, value);
  }

  private static Dim of(TreeMap<List<String>, Long> terms) {
    return terms.isEmpty() ? of(0) : terms.size() == 1 && terms.containsKey(ONE) ? of(terms.get(ONE)) : new Dim(terms, 0);
  }

  private TreeMap<List<String>, Long> terms() {
    if (terms != null) {
      return terms;
    }
    TreeMap<List<String>, Long> t = new TreeMap<>(BY_TEXT);
    if (known != 0) {
      t.put(ONE, known);
    }
    return t;
  }

  /** A symbolic dimension; {@code name} is printed behind a question mark, quoted where it isn't an identifier. */
  public static Dim symbol(String name) {
    return atom("?" + (IDENTIFIER.matcher(name).matches() ? name : Printer.quoted(name)));
  }

  private static String text(List<String> monomial) {
    return monomial.isEmpty() ? "" : monomial.size() == 1 ? monomial.get(0) : String.join("*", monomial);
  }

  private static Dim atom(String text) {
    if (text.length() > LONGEST_ATOM) {
      throw new ArithmeticException("too long an expression over dimensions");
    }
    TreeMap<List<String>, Long> t = new TreeMap<>(BY_TEXT);
    t.put(List.of(text), 1L);
    return of(t);
  }

  public static List<Dim> list(long... values) {
    List<Dim> dims = new ArrayList<>();
    for (long v : values) {
      dims.add(of(v));
    }
    return dims;
  }

  public boolean isKnown() {
    return terms == null;
  }

  public boolean is(long value) {
    return isKnown() && value() == value;
  }

  /** The symbols that the expression reads, as they are printed: {@code ?seq}. */
  public Set<String> symbols() {
    return SYMBOL.matcher(toString()).results().map(r -> r.group())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** The value of a known dimension. */
  public long value() {
    if (!isKnown()) {
      throw new IllegalStateException("symbolic dimension " + this);
    }
    return known;
  }

  /** The value where the symbols (written {@code ?seq}) have these values; null where a symbol has none. */
  public Long at(Map<String, Long> symbols) {
    long sum = 0;
    for (Map.Entry<List<String>, Long> e : terms().entrySet()) {
      long product = e.getValue();
      for (String atom : e.getKey()) {
        if (!symbols.containsKey(atom)) {
          return null;
        }
        product = Math.multiplyExact(product, symbols.get(atom));
      }
      sum = Math.addExact(sum, product);
    }
    return sum;
  }

  public Dim plus(Dim other) {
    if (isKnown() && other.isKnown()) {
      return of(Math.addExact(known, other.known));
    }
    TreeMap<List<String>, Long> t = new TreeMap<>(BY_TEXT);
    t.putAll(terms());
    other.terms().forEach((m, c) -> add(t, m, c));
    return of(t);
  }

  public Dim minus(Dim other) {
    return plus(other.times(of(-1)));
  }

  /** The product; an {@link ArithmeticException} where it overflows or grows beyond reason. */
  public Dim times(Dim other) {
    if (isKnown() && other.isKnown()) {
      return of(Math.multiplyExact(known, other.known));
    }
    if ((long) terms().size() * other.terms().size() > MOST_TERMS || degree() + other.degree() > HIGHEST_DEGREE) {
      throw new ArithmeticException("too long an expression over dimensions");
    }
    TreeMap<List<String>, Long> t = new TreeMap<>(BY_TEXT);
    for (Map.Entry<List<String>, Long> a : terms().entrySet()) {
      for (Map.Entry<List<String>, Long> b : other.terms().entrySet()) {
        List<String> m = new ArrayList<>(a.getKey());
        m.addAll(b.getKey());
        m.sort(null);
        add(t, List.copyOf(m), Math.multiplyExact(a.getValue(), b.getValue()));
      }
    }
    return of(t);
  }

  private int degree() {
    return terms().keySet().stream().mapToInt(List::size).max().orElse(0);
  }

  private static void add(TreeMap<List<String>, Long> t, List<String> monomial, long coefficient) {
    long sum = Math.addExact(t.getOrDefault(monomial, 0L), coefficient);
    if (sum == 0) {
      t.remove(monomial);
    } else {
      t.put(monomial, sum);
    }
  }

  /** Exact quotient where the division leaves nothing, otherwise an opaque {@code floordiv}. */
  public Dim dividedBy(Dim divisor) {
    if (divisor.isKnown() && isKnown() && divisor.value() != 0) {
      return of(Math.floorDiv(value(), divisor.value()));
    }
    Dim exact = exactQuotient(divisor);
    return exact != null ? exact : atom("floordiv(" + this + ", " + divisor + ")");
  }

  private Dim exactQuotient(Dim divisor) {
    TreeMap<List<String>, Long> divisors = divisor.terms();
    if (divisors.size() != 1) {
      return equals(divisor) ? of(1) : null;
    }
    List<String> by = divisors.firstKey();
    long coefficient = divisors.firstEntry().getValue();
    TreeMap<List<String>, Long> t = new TreeMap<>(BY_TEXT);
    for (Map.Entry<List<String>, Long> e : terms().entrySet()) {
      List<String> rest = new ArrayList<>(e.getKey());
      for (String s : by) {
        if (!rest.remove(s)) {
          return null;
        }
      }
      if (e.getValue() % coefficient != 0) {
        return null;
      }
      t.put(List.copyOf(rest), e.getValue() / coefficient);
    }
    return of(t);
  }

  /**
   * Whether this is provably no less than {@code other}, for every value of the symbols (a dimension is never negative).
   * False also where nothing can be said.
   */
  public boolean isAtLeast(Dim other) {
    if (isKnown() && other.isKnown()) {
      return known >= other.known;
    }
    for (Map.Entry<List<String>, Long> e : minus(other).terms().entrySet()) {
      // An opaque atom is known to be no less than zero only if no subtraction stands in it.
      if (e.getValue() < 0 || e.getKey().stream().anyMatch(a -> a.indexOf('-') >= 0)) {
        return false;
      }
    }
    return true;
  }

  public Dim min(Dim other) {
    return extremum("min", other);
  }

  public Dim max(Dim other) {
    return extremum("max", other);
  }

  private Dim extremum(String kind, Dim other) {
    if (equals(other)) {
      return this;
    }
    if (isAtLeast(other)) {
      return kind.equals("min") ? other : this;
    }
    if (other.isAtLeast(this)) {
      return kind.equals("min") ? this : other;
    }
    String a = toString();
    String b = other.toString();
    return atom(kind + "(" + (a.compareTo(b) <= 0 ? a + ", " + b : b + ", " + a) + ")");
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Dim d && known == d.known && Objects.equals(terms, d.terms);
  }

  @Override
  public int hashCode() {
    return terms == null ? Long.hashCode(known) : terms.hashCode();
  }

  /** The text form: {@code 64}, {@code ?seq}, {@code ?past + ?seq}, {@code 2*?seq - 1}. */
  @Override
  public String toString() {
    if (isKnown()) {
      return Long.toString(known);
    }
    StringBuilder s = new StringBuilder();
    List<Map.Entry<List<String>, Long>> order = new ArrayList<>(terms.entrySet());
    if (order.size() > 1 && order.get(0).getKey().isEmpty()) {
      order.add(order.remove(0)); // the constant last: ?seq + 1
    }
    for (Map.Entry<List<String>, Long> e : order) {
      long c = e.getValue();
      if (s.length() > 0) {
        s.append(c < 0 ? " - " : " + ");
        c = Math.abs(c);
      }
      String m = String.join("*", e.getKey());
      if (m.isEmpty()) {
        s.append(c);
      } else if (c == 1) {
        s.append(m);
      } else {
        s.append(c).append('*').append(m);
      }
    }
    return s.toString();
  }
}
