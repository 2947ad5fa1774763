package dev.catena.passes.rules;

import dev.catena.ir.Attribute;
import dev.catena.ir.OpDefinition;
import java.util.List;
import java.util.Map;

/** The right side of a rule, as data: what {@link Rewrite} builds. */
sealed interface Template {
  /** Whether it builds the operation, itself or inside. */
  default boolean builds(String operation) {
    return this instanceof Op op
        && (op.definition().name().equals(operation) || op.operands().stream().anyMatch(o -> o.builds(operation)));
  }

  /** What the name stands for; where it is optional and stands for nothing, an operand left out. */
  record Variable(String name, boolean optional) implements Template {}

  /** An optional operand left out. */
  record Absent() implements Template {}

  /** A constant i64 vector. */
  record Integers(List<Long> elements) implements Template {}

  /** A constant that is computed: one number, or a vector of whole ones. */
  record Computed(Expression elements, Expression element, String text) implements Template {}

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
    /** Rows from the first number to the one before the second. */
    ROWS,
    /** Of each stretch of rows, as many as the third number says, those from the first number to the one before the second, as often as a fourth says. */
    HEAD_ROWS,
    /** The last axis twice, end to end: a table of half the angles as rope wants it. */
    TWICE
  }

  /** A new operation. */
  record Op(OpDefinition definition, List<Template> operands, Map<String, Property> attributes) implements Template {}

  /** An attribute computed from the match, of the declared kind, with its text for messages. */
  record Property(Class<? extends Attribute> kind, Expression expression, String text) {}
}
