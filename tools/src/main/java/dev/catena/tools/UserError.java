package dev.catena.tools;

/** A user's mistake: one line that names the file, the node and the way out. Ends the command with status 2. */
public class UserError extends RuntimeException {
  private static final long serialVersionUID = 1;

  public UserError(String message) {
    super(message);
  }

  UserError(String message, Throwable cause) {
    super(message, cause);
  }
}
