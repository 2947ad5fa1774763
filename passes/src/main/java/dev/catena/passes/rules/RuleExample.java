package dev.catena.passes.rules;

import dev.catena.ir.ElementType;
import java.util.List;
import java.util.Map;

/** Values for a pattern's variables, from which its left side can be built and run. */
public record RuleExample(Map<String, Given> values) {
  /** What one variable is given. */
  public sealed interface Given {}

  /**
   * A tensor of random elements: an argument, or a constant.
   *
   * @param below  integers are drawn from 0 to this, exclusive
   * @param shared whether somebody outside the pattern reads it, too
   */
  record TensorGiven(ElementType element, List<Long> shape, boolean constant, long below, boolean shared)
      implements Given {}

  /** A constant of one number, or an attribute. */
  record NumberGiven(double value) implements Given {}

  /** A constant integer vector, or an attribute. */
  record IntegersGiven(List<Long> values) implements Given {}

  /** The element type that an interior value has; decides what a Cast converts to. */
  record ElementGiven(ElementType element) implements Given {}
}
