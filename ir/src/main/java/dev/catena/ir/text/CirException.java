package dev.catena.ir.text;

import dev.catena.ir.IrException;
import java.util.List;

/** A text that isn't a module: all that is wrong with it, each as {@code file:line:column: what} with the line and a caret. */
public final class CirException extends IrException {
  private static final long serialVersionUID = 1;

  private final transient List<String> errors;

  CirException(List<String> errors) {
    super(String.join("\n", errors));
    this.errors = List.copyOf(errors);
  }

  /** One text per error, in the order of the file. */
  public List<String> errors() {
    return errors;
  }
}
