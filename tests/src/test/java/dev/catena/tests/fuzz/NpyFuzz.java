package dev.catena.tests.fuzz;

import dev.catena.runtime.TensorValue;
import dev.catena.tools.NpyBytes;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** Bytes as a NumPy file that is an input of {@code exec}; the last byte chooses the type that the model wants. */
public final class NpyFuzz {
  private static final List<String> TYPES = List.of("f32", "f16", "bf16", "f8e4m3fn", "i64", "i4", "u4", "bool", "f64");
  private static final Path FILE = ScratchFolder.create("npy").resolve("x.npy");

  private NpyFuzz() {}

  public static void fuzzerTestOneInput(byte[] bytes) {
    int type = bytes.length == 0 ? 0 : bytes[bytes.length - 1] & 0xff;
    Path file = ScratchFolder.write(FILE, Arrays.copyOf(bytes, Math.max(0, bytes.length - 1)));
    try {
      TensorValue value = NpyBytes.read(file, TYPES.get(type % TYPES.size()));
      long elements = Arrays.stream(value.dims()).reduce(1, Math::multiplyExact);
      if (elements * TensorValue.width(value.type()) != value.data().remaining()) {
        throw new AssertionError(Arrays.toString(value.dims()) + " with " + value.data().remaining() + " bytes");
      }
    } catch (RuntimeException e) {
      if (!NpyBytes.isRefusal(e)) {
        throw e;
      }
      OneLine.check(e, FILE + ": ", List.of(e.getClass()));
    }
  }
}
