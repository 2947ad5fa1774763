package dev.catena.tests.shared;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/** Models and references beside the checkout, in the folder that {@code CATENA_SHARED} names. */
public final class SharedFiles {
  private SharedFiles() {}

  /** A file or folder below {@code CATENA_SHARED}; where it is missing the test is skipped, and says so. */
  public static Path require(String path) {
    String root = System.getenv("CATENA_SHARED");
    Path found = root == null || root.isEmpty() ? null : Path.of(root, path);
    if (found == null || !Files.exists(found)) {
      String why = "SKIPPED: CATENA_SHARED (" + root + ") has no " + path;
      System.err.println(why);
      Assumptions.abort(why);
    }
    return found;
  }
}
