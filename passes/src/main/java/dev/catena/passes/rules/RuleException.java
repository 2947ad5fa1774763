package dev.catena.passes.rules;

import java.util.List;

/** A text that isn't a rule file: all that is wrong with it, each as {@code file:line:column: what} with the line and a caret. */
public final class RuleException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final transient List<String> errors;

  RuleException(List<String> errors) {
    super(String.join("\n", errors));
    this.errors = List.copyOf(errors);
  }

  /** One text per error, in the order of the file. */
  public List<String> errors() {
    return errors;
  }
}
