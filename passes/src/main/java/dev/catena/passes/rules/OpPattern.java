package dev.catena.passes.rules;

import dev.catena.ir.Operation;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** An operation by name with a pattern for each operand; those of a commutative operation match in either order. */
public final class OpPattern implements Pattern {
  private final String name;
  private final List<Pattern> operands;
  private final Predicate<Operation> condition;

  OpPattern(String name, List<Pattern> operands, Predicate<Operation> condition) {
    this.name = name;
    this.operands = operands;
    this.condition = condition;
  }

  /** The name of the operation it matches. */
  public String name() {
    return name;
  }

  /** Matches only where {@code more} holds of the operation. */
  public OpPattern where(Predicate<Operation> more) {
    return new OpPattern(name, operands, condition.and(more));
  }

  @Override
  public List<Match> match(Value value, Match soFar) {
    Operation op = value.producer();
    if (op == null || !op.is(name) || value.resultIndex() != 0 || !arity(op) || !condition.test(op)) {
      return List.of();
    }
    List<Match> found = new ArrayList<>(matchOperands(op, 0, 1, soFar));
    if (op.definition().has(Trait.COMMUTATIVE) && operands.size() == 2) {
      found.addAll(matchOperands(op, 1, 0, soFar));
    }
    return found;
  }

  private boolean arity(Operation op) {
    for (int i = operands.size(); i < op.operands().size(); i++) {
      if (op.operand(i) != null) {
        return false;
      }
    }
    return true;
  }

  /** Pattern 0 on operand {@code first}, pattern 1 on operand {@code second}, the others in place. */
  private List<Match> matchOperands(Operation op, int first, int second, Match soFar) {
    List<Match> matches = List.of(soFar);
    for (int i = 0; i < operands.size(); i++) {
      Value v = op.operand(i == 0 ? first : i == 1 ? second : i);
      if (v == null) {
        return List.of();
      }
      List<Match> next = new ArrayList<>();
      for (Match m : matches) {
        next.addAll(operands.get(i).match(v, m));
      }
      matches = next;
      if (matches.isEmpty()) {
        break;
      }
    }
    return matches;
  }
}
