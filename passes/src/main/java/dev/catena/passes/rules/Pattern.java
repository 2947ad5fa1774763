package dev.catena.passes.rules;

import dev.catena.ir.Attribute;
import dev.catena.ir.OpDefinition;
import java.util.List;
import java.util.Map;

/** The left side of a rule, as data: {@link Matcher} finds it in a stage, {@link RuleExplanation} tells where it nearly is. */
public sealed interface Pattern {
  /** Any value at all. */
  record Any() implements Pattern {}

  /** Any value; the same name stands for the same value everywhere in a rule. */
  record Variable(String name) implements Pattern {}

  /** A value that matches {@code inner}, bound to {@code name}. */
  record Named(String name, Pattern inner) implements Pattern {}

  /** An inline constant of one number. */
  record Scalar() implements Pattern {}

  /** A weight or an inline constant. */
  record Constant() implements Pattern {}

  /** An inline constant of one number close to {@code value}. */
  record Number(double value) implements Pattern {}

  /** An integer tensor with exactly these elements: a constant, or one whose contents are known. */
  record Integers(List<Long> elements) implements Pattern {}

  /**
   * A result of an operation; operands that aren't listed must be absent.
   *
   * @param result      which one
   * @param eitherOrder whether the first two operands may be exchanged
   */
  record Op(OpDefinition definition, int result, boolean eitherOrder, List<Pattern> operands, Map<String, AttributePattern> attributes)
      implements Pattern {}

  /** A variadic operation, all of whose operands are one value. */
  record Repeated(OpDefinition definition, String name, Map<String, AttributePattern> attributes) implements Pattern {}

  /** {@code inner} with or without one {@code link}, an operation of one operand, behind it. */
  record Optional(OpDefinition link, Pattern inner) implements Pattern {}

  /** Any of several patterns, tried in order. */
  record Either(List<Pattern> ways) implements Pattern {}

  /** What an attribute must be. */
  sealed interface AttributePattern {
    /** This value, real numbers within the tolerance. */
    record Fixed(Attribute value) implements AttributePattern {}

    /** Anything that is set, bound to {@code name}. */
    record Bound(String name) implements AttributePattern {}
  }
}
