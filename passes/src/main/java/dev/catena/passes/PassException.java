package dev.catena.passes;

/** The model or the options can't be compiled; one line for the user. */
public class PassException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public PassException(String message) {
    super(message);
  }

  PassException(String message, Throwable cause) {
    super(message, cause);
  }
}
