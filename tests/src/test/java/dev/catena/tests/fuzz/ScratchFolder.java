package dev.catena.tests.fuzz;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** A folder that a fuzz target writes its input into, gone with the process. */
final class ScratchFolder {
  private ScratchFolder() {}

  static Path create(String name) {
    try {
      Path folder = Files.createTempDirectory("catena-fuzz-" + name);
      Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(folder)));
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A new file each time: nothing is written into a file that may still be mapped. */
  static Path write(Path file, byte[] content) {
    try {
      Files.deleteIfExists(file);
      return Files.write(file, content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void delete(Path folder) {
    try (Stream<Path> all = Files.walk(folder)) {
      all.sorted(Comparator.reverseOrder()).forEach(p -> p.toFile().delete());
    } catch (IOException e) {
      // Nothing more can be done.
    }
  }
}
