package dev.catena.frontend.onnx;

import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;

/**
 * Einsum said in matrix products. Operands are taken pair by pair: a letter that both have and that is still wanted is a
 * batch axis, one that isn't wanted any more is summed. The axes behind an ellipsis are numbered from the last and are batch
 * axes, too.
 */
final class EinsumForm {
  private static final char FIRST_ELLIPSIS = 0x100;
  private static final char DIAGONAL = 0x200;
  /** The letters that are still wanted are looked for in all operands to come. */
  private static final int MOST_OPERANDS = 128;

  /** A value whose axes have letters. */
  private record Term(Value value, List<Character> letters) {}

  private final FormBuilder b;

  EinsumForm(FormBuilder builder) {
    b = builder;
  }

  Value convert() {
    b.allow("equation");
    String equation = b.text("equation", "").replace(" ", "");
    int arrow = equation.indexOf("->");
    String[] sides = (arrow < 0 ? equation : equation.substring(0, arrow)).split(",", -1);
    if (sides.length != b.operands() || !equation.replace("...", "").matches("[a-zA-Z,]*(->[a-zA-Z]*)?")) {
      throw b.broken("has the equation '" + equation + "' for " + b.operands() + " inputs");
    }
    if (sides.length > MOST_OPERANDS) {
      throw b.broken("has " + sides.length + " inputs, at most " + MOST_OPERANDS + " are supported");
    }
    List<Term> terms = new ArrayList<>();
    int dotted = 0;
    for (int i = 0; i < sides.length; i++) {
      Value x = b.operand(i, "Inputs");
      int more = FormBuilder.rank(x) - sides[i].replace("...", "").length();
      if (more < 0 || more > 0 && !sides[i].contains("...") || more > 64) {
        throw b.broken("has the term '" + sides[i] + "' for " + x.type().text());
      }
      dotted = Math.max(dotted, sides[i].contains("...") ? more : 0);
      terms.add(withoutDiagonals(new Term(x, letters(sides[i], more))));
    }
    List<Character> wanted = letters(arrow < 0 ? implicit(sides) : equation.substring(arrow + 2), dotted);
    if (new LinkedHashSet<>(wanted).size() != wanted.size()) {
      throw b.broken("has an equation whose result names a letter twice");
    }
    Term result = terms.get(0);
    for (int i = 1; i < terms.size(); i++) {
      Set<Character> later = new LinkedHashSet<>(wanted);
      terms.subList(i + 1, terms.size()).forEach(t -> later.addAll(t.letters));
      result = product(result, terms.get(i), later);
    }
    result = summed(result, new LinkedHashSet<>(wanted));
    if (!new LinkedHashSet<>(result.letters).equals(new LinkedHashSet<>(wanted))) {
      throw b.broken("has the equation '" + equation + "', whose result names what no input has");
    }
    return ordered(result, wanted);
  }

  /** Without an arrow the result has, in order, the letters that occur once. */
  private static String implicit(String[] sides) {
    TreeMap<Character, Integer> times = new TreeMap<>();
    String all = String.join("", sides);
    all.replace("...", "").chars().forEach(c -> times.merge((char) c, 1, Integer::sum));
    StringBuilder once = new StringBuilder(all.contains("...") ? "..." : "");
    times.forEach((letter, n) -> once.append(n == 1 ? letter.toString() : ""));
    return once.toString();
  }

  private static List<Character> letters(String side, int ellipsis) {
    List<Character> letters = new ArrayList<>();
    for (int i = 0; i < side.length(); i++) {
      if (side.charAt(i) == '.') {
        for (int axis = ellipsis; axis > 0; axis--) {
          letters.add((char) (FIRST_ELLIPSIS + axis));
        }
        i += 2;
      } else {
        letters.add(side.charAt(i));
      }
    }
    return letters;
  }

  /** Where a letter stands twice, what lies off the diagonal is zero, and one of the axes summed. */
  private Term withoutDiagonals(Term t) {
    for (int i = 0; i < t.letters.size(); i++) {
      int again = t.letters.subList(i + 1, t.letters.size()).indexOf(t.letters.get(i)) + i + 1;
      if (again > i) {
        int rank = t.letters.size();
        Value places = b.counting(b.dimension(t.value, i));
        Value same = b.op("Equal", b.along(places, i, rank), b.along(places, again, rank));
        Value kept = b.op("Where", same, t.value, b.number(t.value, 0));
        List<Character> letters = new ArrayList<>(t.letters);
        letters.set(again, DIAGONAL);
        Set<Character> rest = new LinkedHashSet<>(letters);
        rest.remove(DIAGONAL);
        return withoutDiagonals(summed(new Term(kept, letters), rest));
      }
    }
    return t;
  }

  /** Sums over the letters that aren't in {@code wanted}. */
  private Term summed(Term t, Set<Character> wanted) {
    List<Character> left = new ArrayList<>(t.letters);
    left.retainAll(wanted);
    long[] axes = new long[t.letters.size() - left.size()];
    int n = 0;
    for (int i = 0; i < t.letters.size(); i++) {
      if (!wanted.contains(t.letters.get(i))) {
        axes[n++] = i;
      }
    }
    return n == 0 ? t : new Term(b.with("ReduceSum", List.of(t.value, b.list(axes)), "keepdims", 0), left);
  }

  private Value ordered(Term t, List<Character> order) {
    return b.transpose(t.value, order.stream().mapToLong(t.letters::indexOf).toArray());
  }

  private Term product(Term left, Term right, Set<Character> later) {
    Set<Character> ofLeft = new LinkedHashSet<>(right.letters);
    ofLeft.addAll(later);
    Set<Character> ofRight = new LinkedHashSet<>(left.letters);
    ofRight.addAll(later);
    Term x = summed(left, ofLeft);
    Term y = summed(right, ofRight);
    List<Character> batch = new ArrayList<>();
    List<Character> rows = new ArrayList<>();
    List<Character> inner = new ArrayList<>();
    for (char c : x.letters) {
      (y.letters.contains(c) ? later.contains(c) ? batch : inner : rows).add(c);
    }
    List<Character> columns = new ArrayList<>(y.letters);
    columns.removeAll(x.letters);
    // The axes of an ellipsis may be stretched ones, and an operand may lack some: in order they broadcast.
    Value a = matrix(x, batch, rows, inner);
    Value c = matrix(y, batch, inner, columns);
    Value product = b.op("MatMul", a, c);
    int n = batch.size();
    Value shape = joined(n == 0 ? null : b.shape(product, 0, n), sizes(x, rows), sizes(y, columns));
    List<Character> letters = new ArrayList<>(batch);
    letters.addAll(rows);
    letters.addAll(columns);
    boolean plain = rows.size() == 1 && columns.size() == 1;
    return new Term(plain ? product : b.op("Reshape", product, shape), letters);
  }

  /** [batch …, all of {@code rows}, all of {@code columns}] */
  private Value matrix(Term t, List<Character> batch, List<Character> rows, List<Character> columns) {
    List<Character> order = new ArrayList<>(batch);
    order.addAll(rows);
    order.addAll(columns);
    Value turned = ordered(t, order);
    if (rows.size() == 1 && columns.size() == 1) {
      return turned;
    }
    return b.op("Reshape", turned, joined(sizes(t, batch), merged(t, rows), merged(t, columns)));
  }

  private Value joined(Value... lists) {
    Value[] some = Arrays.stream(lists).filter(v -> v != null).toArray(Value[]::new);
    return some.length == 0 ? b.list() : b.concat(0, some);
  }

  /** The sizes of letters, as a list; null where there are none. */
  private Value sizes(Term t, List<Character> letters) {
    Value[] each = letters.stream().map(t.letters::indexOf).map(i -> b.shape(t.value, i, i + 1)).toArray(Value[]::new);
    return each.length == 0 ? null : b.concat(0, each);
  }

  /** The product of the sizes, as a list of one. */
  private Value merged(Term t, List<Character> letters) {
    Value sizes = sizes(t, letters);
    return sizes == null ? b.list(1) : letters.size() == 1 ? sizes
        : b.with("ReduceProd", List.of(sizes, b.list(0)), "keepdims", 1);
  }
}
