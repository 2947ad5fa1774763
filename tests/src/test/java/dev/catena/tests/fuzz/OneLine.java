package dev.catena.tests.fuzz;

import java.util.List;

/** What a reader may say of a bad input: an exception that is meant for users, whose message is one line. */
final class OneLine {
  private static final int LONGEST = 4000;
  /** A campaign also wants to see what only the last net caught. */
  private static final boolean STRICT = Boolean.getBoolean("catena.fuzz.strict");
  private static final List<Class<? extends Throwable>> MISTAKES_OF_OURS = List.of(IndexOutOfBoundsException.class,
      ClassCastException.class, NullPointerException.class, NegativeArraySizeException.class, IllegalStateException.class,
      StackOverflowError.class, UnsupportedOperationException.class);

  private OneLine() {}

  /**
   * Passes over a refusal; anything else is a find.
   *
   * @param named what the message must hold, such as the file's name; may be empty
   */
  static void check(RuntimeException failure, String named, List<Class<? extends RuntimeException>> refusals) {
    checkKind(failure, refusals);
    String message = String.valueOf(failure.getMessage());
    if (message.contains("\n") || message.contains("\r") || message.length() > LONGEST || !message.contains(named)
        || message.isBlank()) {
      throw new AssertionError("not one line that names '" + named + "': " + message, failure);
    }
  }

  /** The same where the command makes one line of whatever the message is. */
  static void checkKind(RuntimeException failure, List<Class<? extends RuntimeException>> refusals) {
    if (refusals.stream().noneMatch(c -> c.isInstance(failure))) {
      throw failure;
    }
    if (STRICT && MISTAKES_OF_OURS.stream().anyMatch(c -> c.isInstance(failure.getCause()))) {
      sneak(failure.getCause());
    }
  }

  @SuppressWarnings("unchecked")
  private static <T extends Throwable> void sneak(Throwable t) throws T {
    throw (T) t;
  }
}
