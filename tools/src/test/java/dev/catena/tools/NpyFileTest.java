package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NpyFileTest {
  @TempDir
  private Path folder;

  @Test
  void rowsAreReadBackAsWritten() throws IOException {
    Path file = folder.resolve("logits.npy");
    try (NpyFile npy = NpyFile.create(file, 3)) {
      npy.row(FloatBuffer.wrap(new float[] {1, 2.5f, -3}));
      npy.row(FloatBuffer.wrap(new float[] {99, Float.MIN_VALUE, Float.NEGATIVE_INFINITY, 0, 99}, 1, 3));
      npy.commit();
    }
    NpyMatrix matrix = NpyMatrix.read(file);
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
    NpyMatrix matrix = NpyMatrix.read(file);
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
    assertArrayEquals(new float[] {7}, NpyMatrix.read(file).values());
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
