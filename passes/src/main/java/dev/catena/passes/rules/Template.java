package dev.catena.passes.rules;

import dev.catena.ir.Attribute;
import dev.catena.ir.OpDefinition;
import java.util.List;
import java.util.Map;

/** The right side of a rule, as data: what {@link Rewrite} builds. */
sealed interface Template {
  /** What the name stands for. */
  record Variable(String name) implements Template {}

  /** An optional operand left out. */
  record Absent() implements Template {}

  /** A constant i64 vector. */
  record Integers(List<Long> elements) implements Template {}

  /** A constant of one number, computed. */
  record Scalar(Expression number, Expression element, String text) implements Template {}

  /** A constant seen otherwise; nothing is read. {@code parameter} is null where the view takes none. */
  record View(Kind kind, Template base, Expression parameter) implements Template {}

  /** The views of a constant. */
  enum Kind {
    /** The constant as a weight of the module. */
    WEIGHT,
    /** Axes permuted. */
    TRANSPOSE,
    /** The same elements under another shape. */
    RESHAPE,
    /** Elements rounded to another float type. */
    CAST,
    /** The last axis twice, end to end: a table of half the angles as rope wants it. */
    TWICE
  }

  /** A new operation. */
  record Op(OpDefinition definition, List<Template> operands, Map<String, Computed> attributes) implements Template {}

  /** An attribute computed from the match, of the declared kind, with its text for messages. */
  record Computed(Class<? extends Attribute> kind, Expression expression, String text) {}
}
