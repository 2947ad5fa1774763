package dev.catena.frontend.onnx;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/** The folder of models and fixtures that tests read, named by CATENA_SHARED. */
final class SharedFiles {
  private SharedFiles() {}

  /** A path below it; the test is skipped, loudly, where it is absent. */
  static Path path(String below) {
    String root = System.getenv("CATENA_SHARED");
    Path path = Path.of(root == null ? "../../shared" : root).resolve(below);
    if (!Files.exists(path)) {
      System.err.println("SKIPPED: " + path.toAbsolutePath().normalize() + " isn't there (set CATENA_SHARED)");
    }
    assumeTrue(Files.exists(path), path + " isn't there");
    return path;
  }
}
