package dev.catena.tests.command;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** How a command ended, and what it wrote. */
public record CommandResult(int status, String out, String err) {
  /** Requires status 0. */
  public CommandResult succeeded() {
    assertEquals(0, status, () -> "standard error:\n" + err + "standard output:\n" + out);
    return this;
  }
}
