package dev.catena.tests.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;

/** How a command must refuse what a user got wrong. */
final class Refusal {
  /** Many times what a refusal takes (half a second): a command that never ends, or works through a hostile file, is killed. */
  private static final int PROCESSOR_SECONDS = 30;

  private Refusal() {}

  /** Runs the command in {@code folder}: one line that holds all of {@code named}, nothing on standard output, status 2, nothing left behind. */
  static void check(Path folder, List<?> arguments, String... named) {
    FolderState before = FolderState.of(folder);
    CommandResult result = CatenaProcess.in(folder).under("bash", "-c", "ulimit -t " + PROCESSOR_SECONDS + "; exec \"$0\" \"$@\"")
        .run(arguments.toArray());
    String line = result.err();
    assertEquals(2, result.status(), line);
    assertEquals("", result.out());
    assertEquals(1, line.lines().count(), () -> "standard error:\n" + line);
    for (String n : named) {
      assertTrue(line.contains(n), () -> "\"" + n + "\" isn't named in: " + line);
    }
    assertEquals(before, FolderState.of(folder));
  }
}
