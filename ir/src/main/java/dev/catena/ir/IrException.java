package dev.catena.ir;

/** A module, a stage or an operation that breaks a rule of the IR; the message is one line for a person. */
public class IrException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public IrException(String message) {
    super(message);
  }

  public IrException(String message, Throwable cause) {
    super(message, cause);
  }
}
