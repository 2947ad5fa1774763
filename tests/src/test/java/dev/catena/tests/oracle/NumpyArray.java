package dev.catena.tests.oracle;

import ai.onnxruntime.platform.Fp16Conversions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.ZipFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** An array of reals as NumPy's {@code .npy} format holds it; of integers those that f32 holds exactly. */
public record NumpyArray(int[] shape, float[] values) {
  private static final Pattern HEADER = Pattern.compile(
      "\\{'descr': '<(f[24]|i8)', 'fortran_order': False, 'shape': \\(([0-9, ]*)\\), \\}\\s*\n");

  public static NumpyArray read(Path file) {
    try {
      return parse(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** An array of an {@code .npz} archive; null where it has none of that name. */
  public static NumpyArray read(Path archive, String name) {
    try (ZipFile zip = new ZipFile(archive.toFile())) {
      var entry = zip.getEntry(name + ".npy");
      return entry == null ? null : parse(zip.getInputStream(entry).readAllBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static NumpyArray parse(byte[] bytes) {
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
    int[] shape = Arrays.stream(m.group(2).split(",")).map(String::strip).filter(s -> !s.isEmpty())
        .mapToInt(Integer::parseInt).toArray();
    int width = m.group(1).charAt(1) - '0';
    float[] values = new float[b.remaining() / width];
    if (count(shape) != values.length || b.remaining() % width != 0) {
      throw new IllegalArgumentException(b.remaining() + " bytes for " + m.group(2));
    }
    for (int i = 0; i < values.length; i++) {
      values[i] = width == 2 ? Fp16Conversions.fp16ToFloat(b.getShort()) : width == 8 ? exactly(b.getLong()) : b.getFloat();
    }
    return new NumpyArray(shape, values);
  }

  private static float exactly(long value) {
    if ((long) (float) value != value) {
      throw new IllegalArgumentException(value + " is not an f32");
    }
    return value;
  }

  private static int count(int[] shape) {
    return Arrays.stream(shape).reduce(1, Math::multiplyExact);
  }

  private static String text(ByteBuffer b, int length) {
    byte[] t = new byte[length];
    b.get(t);
    return new String(t, StandardCharsets.ISO_8859_1);
  }

  /** The rows along the last axis. */
  public float[][] rows() {
    int width = shape[shape.length - 1];
    float[][] rows = new float[values.length / width][width];
    for (int r = 0; r < rows.length; r++) {
      System.arraycopy(values, r * width, rows[r], 0, width);
    }
    return rows;
  }
}
