package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NpyFileTest {
  @TempDir
  private Path folder;

  /** What a reader of NumPy's format sees, written from the format's description (NEP 1). */
  private record Matrix(int rows, int columns, float[] values) {
    static Matrix read(Path file) throws IOException {
      ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
      byte[] magic = new byte[6];
      bytes.get(magic);
      assertArrayEquals(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'}, magic);
      assertEquals(1, bytes.get());
      assertEquals(0, bytes.get());
      byte[] header = new byte[bytes.getShort()];
      bytes.get(header);
      assertEquals(0, bytes.position() % 64, "data must be aligned");
      String text = new String(header, StandardCharsets.US_ASCII);
      assertTrue(text.endsWith("\n"));
      Matcher m = Pattern.compile("\\{'descr': '<f4', 'fortran_order': False, 'shape': \\(([0-9]+), ([0-9]+)\\), \\} *\n")
          .matcher(text);
      assertTrue(m.matches(), text);
      float[] values = new float[bytes.remaining() / 4];
      bytes.asFloatBuffer().get(values);
      return new Matrix(Integer.parseInt(m.group(1)), Integer.parseInt(m.group(2)), values);
    }
  }

  @Test
  void rowsAreReadBackAsWritten() throws IOException {
    Path file = folder.resolve("logits.npy");
    try (NpyFile npy = NpyFile.create(file, 3)) {
      npy.row(FloatBuffer.wrap(new float[] {1, 2.5f, -3}));
      npy.row(FloatBuffer.wrap(new float[] {99, Float.MIN_VALUE, Float.NEGATIVE_INFINITY, 0, 99}, 1, 3));
      npy.commit();
    }
    Matrix matrix = Matrix.read(file);
    assertEquals(2, matrix.rows());
    assertEquals(3, matrix.columns());
    assertArrayEquals(new float[] {1, 2.5f, -3, Float.MIN_VALUE, Float.NEGATIVE_INFINITY, 0}, matrix.values());
  }

  @Test
  void fileWithoutRowsHasAShape() throws IOException {
    Path file = folder.resolve("empty.npy");
    try (NpyFile npy = NpyFile.create(file, 2048)) {
      npy.commit();
    }
    Matrix matrix = Matrix.read(file);
    assertEquals(0, matrix.rows());
    assertEquals(2048, matrix.columns());
  }

  @Test
  void uncommittedFileLeavesWhatWasThere() throws IOException {
    Path file = Files.writeString(folder.resolve("logits.npy"), "before");
    try (NpyFile npy = NpyFile.create(file, 2)) {
      npy.row(FloatBuffer.wrap(new float[] {1, 2}));
      assertEquals("before", Files.readString(file));
    }
    assertEquals("before", Files.readString(file));
    assertEquals(List.of(file), files());
  }

  @Test
  void committedFileReplacesWhatWasThere() throws IOException {
    Path file = Files.writeString(folder.resolve("logits.npy"), "before");
    try (NpyFile npy = NpyFile.create(file, 1)) {
      npy.row(FloatBuffer.wrap(new float[] {7}));
      npy.commit();
    }
    assertArrayEquals(new float[] {7}, Matrix.read(file).values());
    assertEquals(List.of(file), files());
  }

  @Test
  void whatIsNoFileIsNotReplaced() {
    assertThrows(UserError.class, () -> NpyFile.create(Path.of("/dev/null"), 1));
    assertThrows(UserError.class, () -> NpyFile.create(folder, 1));
    assertThrows(UserError.class, () -> NpyFile.create(folder.resolve("missing/logits.npy"), 1));
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }
}
