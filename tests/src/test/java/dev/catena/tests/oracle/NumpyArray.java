package dev.catena.tests.oracle;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A float32 array as NumPy's {@code .npy} format holds it. */
public record NumpyArray(int[] shape, float[] values) {
  private static final Pattern HEADER = Pattern.compile(
      "\\{'descr': '<f4', 'fortran_order': False, 'shape': \\(([0-9, ]*)\\), \\}\\s*\n");

  public static NumpyArray read(Path file) {
    try {
      return parse(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static NumpyArray parse(byte[] bytes) {
    ByteBuffer b = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (b.get() != (byte) 0x93 || !text(b, 5).equals("NUMPY")) {
      throw new IllegalArgumentException("not a .npy file");
    }
    int version = b.get();
    b.get();
    int headerLength = version == 1 ? b.getShort() & 0xffff : b.getInt();
    if ((b.position() + headerLength) % 16 != 0) {
      throw new IllegalArgumentException("the header ends unaligned");
    }
    String header = text(b, headerLength);
    Matcher m = HEADER.matcher(header);
    if (!m.matches()) {
      throw new IllegalArgumentException("header: " + header);
    }
    int[] shape = java.util.Arrays.stream(m.group(1).split(",")).map(String::strip).filter(s -> !s.isEmpty())
        .mapToInt(Integer::parseInt).toArray();
    float[] values = new float[b.remaining() / 4];
    b.asFloatBuffer().get(values);
    int count = 1;
    for (int d : shape) {
      count *= d;
    }
    if (count != values.length || b.remaining() % 4 != 0) {
      throw new IllegalArgumentException(b.remaining() + " bytes for " + m.group(1));
    }
    return new NumpyArray(shape, values);
  }

  private static String text(ByteBuffer b, int length) {
    byte[] t = new byte[length];
    b.get(t);
    return new String(t, StandardCharsets.ISO_8859_1);
  }

  /** A matrix as rows. */
  public float[][] rows() {
    if (shape.length != 2) {
      throw new IllegalStateException("rank " + shape.length);
    }
    float[][] rows = new float[shape[0]][shape[1]];
    for (int r = 0; r < rows.length; r++) {
      System.arraycopy(values, r * shape[1], rows[r], 0, shape[1]);
    }
    return rows;
  }
}
