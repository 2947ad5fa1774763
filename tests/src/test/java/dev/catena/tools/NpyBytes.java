package dev.catena.tools;

import dev.catena.runtime.TensorValue;
import java.nio.file.Path;

/** The reader of NumPy files, for fuzzing. In the reader's package. */
public final class NpyBytes {
  private NpyBytes() {}

  /** @throws RuntimeException that the command makes one line of */
  public static TensorValue read(Path file, String type) {
    return NpyTensor.read(file, type);
  }

  public static boolean isRefusal(RuntimeException e) {
    return e instanceof UserError;
  }
}
