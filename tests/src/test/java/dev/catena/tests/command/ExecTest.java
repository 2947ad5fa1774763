package dev.catena.tests.command;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.OnnxGraphWriter;
import dev.catena.tests.oracle.NumpyArray;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code catena exec}: NumPy files in and out; every mistake is one line, and leaves nothing behind. */
class ExecTest {
  @TempDir static Path models;
  private static Path artifact;

  @TempDir Path folder;

  /** rows = x[index], twice = rows + rows. */
  @BeforeAll
  static void compile() {
    OnnxGraphWriter graph = new OnnxGraphWriter(18);
    graph.input("x", OnnxElement.F32, "n", 3);
    graph.input("index", OnnxElement.I64, 2);
    graph.node("Gather", "pick", List.of("x", "index"), List.of("rows"), OnnxAttribute.of("axis", 0L));
    graph.node("Add", "add", List.of("rows", "rows"), List.of("twice"));
    graph.output("rows", OnnxElement.F32, 2, 3);
    graph.output("twice", OnnxElement.F32, 2, 3);
    Path file = models.resolve("pick.onnx");
    graph.write(file);
    artifact = models.resolve("pick.catena");
    CommandResult result = CatenaCommand.run("compile", file, "-o", artifact);
    assertEquals(0, result.status(), result.err());
  }

  /** A NumPy file as the format's description (NEP 1) says. */
  private Path array(String name, String type, boolean columnsFirst, String shape, Number... elements) throws IOException {
    String header = "{'descr': '" + type + "', 'fortran_order': " + (columnsFirst ? "True" : "False") + ", 'shape': (" + shape + "), }";
    header += " ".repeat(63 - (header.length() + 10) % 64) + "\n";
    int width = type.charAt(2) - '0';
    ByteBuffer bytes = ByteBuffer.allocate(10 + header.length() + width * elements.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII)).put((byte) 1).put((byte) 0).putShort((short) header.length())
        .put(header.getBytes(StandardCharsets.US_ASCII));
    for (Number n : elements) {
      if (type.equals("<f4")) {
        bytes.putFloat(n.floatValue());
      } else if (type.equals("<f8")) {
        bytes.putDouble(n.doubleValue());
      } else {
        bytes.putLong(n.longValue());
      }
    }
    return Files.write(folder.resolve(name + ".npy"), bytes.array());
  }

  private Path x() throws IOException {
    return array("x", "<f4", false, "3, 3", 1, 2, 3, 4, 5, 6, 7, 8, 9);
  }

  private Path index(long second) throws IOException {
    return array("index", "<i8", false, "2,", 0, second);
  }

  private static CommandResult exec(Path out, Object... inputs) {
    List<Object> all = new ArrayList<>(List.of("exec", artifact));
    for (Object input : inputs) {
      all.addAll(List.of("--input", input));
    }
    all.addAll(List.of("--output-dir", out, "--threads", "1"));
    return CatenaCommand.run(all.toArray());
  }

  @Test
  void outputsBecomeFilesInAFolderThatIsMade() throws IOException {
    Path out = folder.resolve("new/results");
    CommandResult result = exec(out, "x=" + x(), "index=" + index(-1));
    assertEquals(0, result.status(), result.err());
    assertArrayEquals(new float[] {1, 2, 3, 7, 8, 9}, NumpyArray.read(out.resolve("rows.npy")).values());
    assertArrayEquals(new float[] {2, 4, 6, 14, 16, 18}, NumpyArray.read(out.resolve("twice.npy")).values());
    assertArrayEquals(new int[] {2, 3}, NumpyArray.read(out.resolve("twice.npy")).shape());
  }

  @Test
  void columnsMayComeFirst() throws IOException {
    Path turned = array("turned", "<f4", true, "3, 3", 1, 4, 7, 2, 5, 8, 3, 6, 9);
    Path out = folder.resolve("out");
    assertEquals(0, exec(out, "x=" + turned, "index=" + index(1)).status());
    assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, NumpyArray.read(out.resolve("rows.npy")).values());
  }

  @Test
  void mistakesAreOneLineAndLeaveNothing() throws IOException {
    String x = "x=" + x();
    String index = "index=" + index(1);
    refused(List.of("index"), x);
    refused(List.of("y=", "x f32[?n, 3]"), x, index, "y=" + x());
    refused(List.of("x", "twice"), x, x, index);
    refused(List.of("nowhere.npy", "no such file"), "x=" + folder.resolve("nowhere.npy"), index);
    refused(List.of("f64", "f32"), "x=" + array("double", "<f8", false, "1, 3", 1, 2, 3), index);
    refused(List.of("'x'", "[3, 2]"), "x=" + array("narrow", "<f4", false, "3, 2", 1, 2, 3, 4, 5, 6), index);
    refused(List.of("'x'", "[3]"), "x=" + array("flat", "<f4", false, "3,", 1, 2, 3), index);
    refused(List.of("'index'", "[1]"), x, "index=" + array("short", "<i8", false, "1,", 0));
    refused(List.of("'pick'", "index is out of range"), x, "index=" + array("far", "<i8", false, "2,", 0, 3));
    byte[] whole = Files.readAllBytes(x());
    Path cut = Files.write(folder.resolve("cut.npy"), Arrays.copyOf(whole, whole.length - 4));
    refused(List.of("cut.npy", "32 bytes", "36"), "x=" + cut, index);
    refused(List.of("huge.npy", "shape"), "x=" + array("huge", "<f4", false, "4611686018427387904, 3"), index);
    refused(List.of("text.npy"), "x=" + Files.writeString(folder.resolve("text.npy"), "hello, this is no array"), index);
  }

  private void refused(List<String> parts, Object... inputs) {
    Path out = folder.resolve("refused");
    CommandResult result = exec(out, inputs);
    assertEquals(2, result.status(), result.err());
    assertEquals(1, result.err().strip().lines().count(), result.err());
    assertEquals("", result.out());
    parts.forEach(part -> assertTrue(result.err().contains(part), result.err()));
    assertFalse(Files.exists(out), "something was left in " + out);
  }

  @Test
  void aFolderThatCannotBeMadeIsAMistake() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "");
    for (Path out : List.of(file, file.resolve("below"), Path.of("/proc/no/such/place"))) {
      CommandResult result = exec(out, "x=" + x(), "index=" + index(1));
      assertEquals(2, result.status(), result.err());
      assertEquals(1, result.err().strip().lines().count(), result.err());
      assertTrue(result.err().contains("--output-dir " + out), result.err());
    }
  }

  /** The second output can't be written: the first isn't, either. */
  @Test
  void whatCannotBeWrittenWholeIsNotWritten() throws IOException {
    Path out = Files.createDirectories(folder.resolve("out/twice.npy")).getParent();
    CommandResult result = exec(out, "x=" + x(), "index=" + index(1));
    assertEquals(2, result.status(), result.err());
    assertTrue(result.err().contains("twice.npy"), result.err());
    try (Stream<Path> left = Files.list(out)) {
      assertEquals(List.of(out.resolve("twice.npy")), left.toList());
    }
  }
}
