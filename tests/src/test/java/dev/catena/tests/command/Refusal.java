package dev.catena.tests.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;

/** How a command must refuse what a user got wrong. */
final class Refusal {
  private static final double SECONDS = 2;
  private static final int ATTEMPTS = 3;

  private Refusal() {}

  /**
   * Runs the command in {@code folder}: one line that holds all of {@code named}, nothing on standard output, status 2,
   * nothing left behind, and within two seconds (the machine may be busy: in one of three attempts).
   */
  static void check(Path folder, List<?> arguments, String... named) {
    FolderState before = FolderState.of(folder);
    double fastest = Double.POSITIVE_INFINITY;
    for (int i = 0; i < ATTEMPTS && fastest > SECONDS; i++) {
      long start = System.nanoTime();
      CommandResult result = CatenaProcess.in(folder).run(arguments.toArray());
      fastest = Math.min(fastest, (System.nanoTime() - start) / 1e9);
      String line = result.err();
      assertEquals(2, result.status(), line);
      assertEquals("", result.out());
      assertEquals(1, line.lines().count(), () -> "standard error:\n" + line);
      for (String n : named) {
        assertTrue(line.contains(n), () -> "\"" + n + "\" isn't named in: " + line);
      }
      assertEquals(before, FolderState.of(folder));
    }
    assertTrue(fastest <= SECONDS, "took " + fastest + " s");
  }
}
