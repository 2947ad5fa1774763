package dev.catena.tests.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** How a command must refuse what a user got wrong. */
final class Refusal {
  private static final double SECONDS = 2;
  private static final int ATTEMPTS = 3;

  private Refusal() {}

  /**
   * Runs the command in {@code folder}: one line that holds all of {@code named}, nothing on standard output, status 2,
   * nothing left behind, and soon: two seconds of processor time, four times what most take beside 30 other programs (and in one
   * of three attempts, since caches are cold at first).
   */
  static void check(Path folder, List<?> arguments, String... named) {
    FolderState before = FolderState.of(folder);
    double fastest = Double.POSITIVE_INFINITY;
    for (int i = 0; i < ATTEMPTS && fastest > SECONDS; i++) {
      fastest = Math.min(fastest, attempt(folder, arguments, before, named));
    }
    assertTrue(fastest <= SECONDS, "took " + fastest + " s of processor time");
  }

  /** Processor seconds, as bash measures them. */
  private static double attempt(Path folder, List<?> arguments, FolderState before, String... named) {
    try {
      Path seconds = Files.createTempFile("catena-seconds", ".txt");
      try {
        CommandResult result = CatenaProcess.in(folder).under("bash", "-c",
            "TIMEFORMAT='%U %S'; exec 3>&2; { time \"$@\" 2>&3 3>&-; } 2>\"$0\"", seconds.toString()).run(arguments.toArray());
        String line = result.err();
        assertEquals(2, result.status(), line);
        assertEquals("", result.out());
        assertEquals(1, line.lines().count(), () -> "standard error:\n" + line);
        for (String n : named) {
          assertTrue(line.contains(n), () -> "\"" + n + "\" isn't named in: " + line);
        }
        assertEquals(before, FolderState.of(folder));
        String[] times = Files.readString(seconds).strip().replace(',', '.').split(" ");
        return Double.parseDouble(times[0]) + Double.parseDouble(times[1]);
      } finally {
        Files.deleteIfExists(seconds);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
