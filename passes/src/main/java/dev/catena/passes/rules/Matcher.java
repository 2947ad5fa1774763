package dev.catena.passes.rules;

import dev.catena.ir.Attribute;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Matches patterns against the expression that computes a value. */
final class Matcher {
  /** More ways to match than any model's graph offers: sums of sums of equal values would double them again and again. */
  private static final int MOST_WAYS = 256;

  private final NearMiss misses;

  /** @param misses is told what stops each attempt; may be null */
  Matcher(NearMiss misses) {
    this.misses = misses;
  }

  /** All ways to match {@code value} that agree with {@code soFar}; none is an empty list. */
  List<Match> match(Pattern pattern, Value value, Match soFar) {
    if (pattern instanceof Pattern.Any) {
      return List.of(soFar);
    } else if (pattern instanceof Pattern.Variable v) {
      return bind(v.name(), value, soFar);
    } else if (pattern instanceof Pattern.Named n) {
      List<Match> bound = bind(n.name(), value, soFar);
      return bound.isEmpty() ? bound : match(n.inner(), value, bound.get(0));
    } else if (pattern instanceof Pattern.Op op) {
      return operation(op, value, soFar);
    } else if (pattern instanceof Pattern.Repeated r) {
      return repeated(r, value, soFar);
    } else if (pattern instanceof Pattern.Optional o) {
      List<Match> found = new ArrayList<>(match(o.inner(), value, soFar));
      if (value.producer() != null && value.producer().is(o.link().name())) {
        found.addAll(match(o.inner(), value.producer().operand(0), soFar.withOperation()));
      }
      return found;
    } else if (pattern instanceof Pattern.Either e) {
      List<Match> found = new ArrayList<>();
      e.ways().forEach(way -> found.addAll(match(way, value, soFar)));
      return found;
    }
    return constant(pattern, value) ? List.of(soFar) : miss(soFar, value, pattern);
  }

  private List<Match> bind(String name, Object value, Match soFar) {
    Match bound = soFar.bind(name, value);
    if (bound == null && misses != null) {
      misses.note(soFar, () -> "$" + name + " already stands for " + named(soFar.get(name)) + ", found " + named(value));
    }
    return bound == null ? List.of() : List.of(bound);
  }

  private static String named(Object bound) {
    return bound instanceof Value v ? NearMiss.describe(v) : String.valueOf(bound);
  }

  private static boolean constant(Pattern pattern, Value value) {
    Tensor t = value.constant();
    if (pattern instanceof Pattern.Constant) {
      return Constants.is(value);
    } else if (pattern instanceof Pattern.Scalar) {
      return Constants.number(value) != null;
    } else if (pattern instanceof Pattern.Number n) {
      return t != null && Constants.number(value) != null && Constants.close(t.get(0), n.value());
    } else if (pattern instanceof Pattern.Integers i) {
      return i.elements().equals(Constants.integers(value));
    }
    throw new IllegalArgumentException("no matching of " + pattern);
  }

  private List<Match> operation(Pattern.Op pattern, Value value, Match soFar) {
    Operation op = value.producer();
    if (op == null || !op.is(pattern.definition().name()) || value.resultIndex() != pattern.result() || !arity(pattern, op)) {
      return miss(soFar, value, pattern);
    }
    List<Match> start = attributes(pattern.attributes(), op, soFar.withOperation());
    if (start.isEmpty()) {
      return start;
    }
    List<Match> found = new ArrayList<>(operands(pattern, op, 0, 1, start.get(0)));
    if (pattern.eitherOrder() && pattern.operands().size() == 2 && op.operand(0) != op.operand(1)) {
      found.addAll(operands(pattern, op, 1, 0, start.get(0)));
    }
    return found;
  }

  private List<Match> repeated(Pattern.Repeated pattern, Value value, Match soFar) {
    Operation op = value.producer();
    if (op == null || !op.is(pattern.definition().name()) || op.operands().isEmpty()
        || op.operands().stream().anyMatch(o -> o != op.operand(0))) {
      return miss(soFar, value, pattern);
    }
    List<Match> start = attributes(pattern.attributes(), op, soFar.withOperation());
    return start.isEmpty() ? start : bind(pattern.name(), op.operand(0), start.get(0));
  }

  private static boolean arity(Pattern.Op pattern, Operation op) {
    for (int i = pattern.operands().size(); i < op.operands().size(); i++) {
      if (op.operand(i) != null) {
        return false;
      }
    }
    return true;
  }

  private List<Match> attributes(Map<String, Pattern.AttributePattern> expected, Operation op, Match soFar) {
    List<Match> matches = List.of(soFar);
    for (Map.Entry<String, Pattern.AttributePattern> e : expected.entrySet()) {
      Attribute found = op.attribute(e.getKey());
      if (e.getValue() instanceof Pattern.AttributePattern.Bound b) {
        matches = found == null ? List.of() : bind(b.name(), found, matches.get(0));
      } else if (!Constants.same(((Pattern.AttributePattern.Fixed) e.getValue()).value(), found)) {
        matches = List.of();
      }
      if (matches.isEmpty()) {
        if (misses != null) {
          misses.note(soFar, () -> "attribute " + e.getKey() + " of " + NearMiss.describe(op.result()) + " is "
              + PatternText.of(found) + ", expected " + PatternText.of(e.getValue()));
        }
        return matches;
      }
    }
    return matches;
  }

  /** Pattern 0 on operand {@code first}, pattern 1 on operand {@code second}, the others in place. */
  private List<Match> operands(Pattern.Op pattern, Operation op, int first, int second, Match soFar) {
    List<Match> matches = List.of(soFar);
    for (int i = 0; i < pattern.operands().size() && !matches.isEmpty(); i++) {
      Value v = op.operand(i == 0 ? first : i == 1 ? second : i);
      if (v == null) {
        int absent = i;
        if (misses != null) {
          matches.forEach(m -> misses.note(m, () -> NearMiss.describe(op.result()) + " has no operand " + absent));
        }
        return List.of();
      }
      List<Match> next = new ArrayList<>();
      for (Match m : matches) {
        next.addAll(match(pattern.operands().get(i), v, m));
      }
      matches = next.size() > MOST_WAYS ? next.subList(0, MOST_WAYS) : next;
    }
    return matches;
  }

  private List<Match> miss(Match soFar, Value value, Pattern expected) {
    if (misses != null) {
      misses.note(soFar, () -> "expected " + PatternText.of(expected) + ", found " + NearMiss.describe(value));
    }
    return List.of();
  }
}
