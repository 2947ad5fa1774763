package dev.catena.frontend.onnx;

import static dev.catena.frontend.onnx.ModelBytes.F32;
import static dev.catena.frontend.onnx.ModelBytes.I64;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.frontend.onnx.ModelBytes.Message;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that aren't what they say: each is refused in one line that names the file and what is wrong. */
class HostileFilesTest {
  @TempDir
  Path folder;

  private Path file(byte[] content) throws IOException {
    return Files.write(folder.resolve("m.onnx"), content);
  }

  private void refused(ModelBytes model, String... parts) {
    Path p = model.write(folder.resolve("m.onnx"));
    Refusal.of(() -> OnnxImporter.importStage(p), parts);
  }

  private static ModelBytes matMul() {
    return new ModelBytes().input("x", F32, "n", 4).output("y", F32, "n", 16)
        .initializer(ModelBytes.tensor("w", F32, new long[] {4, 16}, ModelBytes.floats(64)))
        .node("MatMul", "x w", "y");
  }

  @Test
  void theSmallModelItselfIsAccepted() throws IOException {
    try (ImportedModel m = OnnxImporter.importStage(file(matMul().bytes()))) {
      assertEquals(1, m.module().weights().size());
    }
  }

  @Test
  void truncatedAtEveryFiftiethOfItsLength() throws IOException {
    byte[] small = matMul().bytes();
    byte[] real = Files.readAllBytes(SharedFiles.path("fixtures/nano-gqa/split/decoder-merge-0.onnx"));
    for (byte[] whole : new byte[][] {small, real}) {
      for (int i = 0; i < 50; i++) {
        Path p = file(Arrays.copyOf(whole, (int) ((long) whole.length * i / 50)));
        Refusal.of(() -> OnnxImporter.importStage(p), "m.onnx: ");
      }
    }
  }

  @Test
  void truncatedAtEveryByteOfTheLastOnes() throws IOException {
    byte[] whole = matMul().bytes();
    for (int cut = 1; cut < 40; cut++) {
      Path p = file(Arrays.copyOf(whole, whole.length - cut));
      Refusal.of(() -> OnnxImporter.importStage(p), "m.onnx: ");
    }
  }

  @Test
  void noOnnxFileAtAll() throws IOException {
    for (byte[] content : new byte[][] {"".getBytes(StandardCharsets.UTF_8), "hello, world\n".getBytes(StandardCharsets.UTF_8),
        "PK\3\4 a zip file".getBytes(StandardCharsets.ISO_8859_1), "\177ELF\2\1\1".getBytes(StandardCharsets.ISO_8859_1),
        "{\"a\": 1}".getBytes(StandardCharsets.UTF_8), new byte[1000]}) {
      Path p = file(content);
      Refusal.of(() -> OnnxImporter.importStage(p), "m.onnx: not a");
    }
    Path missing = folder.resolve("missing.onnx");
    Refusal.of(() -> OnnxImporter.importStage(missing), "missing.onnx: no such file");
    Refusal.of(() -> OnnxImporter.importStage(folder), "not a regular file");
  }

  /** Whatever the bytes say: an import, or one line; never another exception, never long. */
  @Test
  void mutatedFilesGiveAResultOrOneLine() throws IOException {
    byte[] whole = Files.readAllBytes(SharedFiles.path("fixtures/nano-gqa/split/decoder-merge-0.onnx"));
    Random random = new Random(7);
    int refused = 0;
    for (int i = 0; i < 400; i++) {
      byte[] mutated = whole.clone();
      for (int j = 0; j < 1 + i % 8; j++) {
        // Most of the file is weights, which may hold anything: two of three changes go to the structure around them.
        int at = j % 3 == 0 ? random.nextInt(mutated.length) : random.nextInt(36_000);
        mutated[at] = (byte) (random.nextBoolean() ? random.nextInt(256) : mutated[at] ^ 1 << random.nextInt(8));
      }
      Path p = file(mutated);
      refused += assertTimeoutPreemptively(Duration.ofSeconds(10), () -> {
        try (ImportedModel m = OnnxImporter.importStage(p)) {
          return 0;
        } catch (OnnxException e) {
          assertTrue(e.getMessage().startsWith("m.onnx"), e.getMessage());
          assertTrue(e.getMessage().indexOf('\n') < 0, e.getMessage());
          return 1;
        }
      }, "mutation " + i);
    }
    assertTrue(refused > 100, refused + " of 400 were refused");
  }

  @Test
  void anUnknownOperationIsNamedWithItsNodeAndDomain() {
    refused(matMul().node("com.acme", "Foo", "/x/Foo_12", "y", "z"),
        "m.onnx: node '/x/Foo_12': operation Foo (domain com.acme) is not known to Catena");
    refused(matMul().node("", "Bar", "b", "y", "z"), "m.onnx: node 'b': operation Bar (domain ai.onnx) is not known");
    refused(matMul().node("com.acme", "MatMul", "b", "y y", "z"), "operation MatMul (domain com.acme) is not known");
    refused(matMul().node("", "Bar", "two\nlines", "y", "z"), "node 'two?lines'");
  }

  @Test
  void unsupportedOpset() {
    refused(matMul().opset(6), "m.onnx: opset 6 isn't supported, 7 to 27 are");
    Path p = matMul().opset(99).write(folder.resolve("m.onnx"));
    try (ImportedModel m = OnnxImporter.importStage(p)) {
      assertEquals(1, m.warnings().size());
      assertTrue(m.warnings().get(0).startsWith("m.onnx: opset 99 is newer than 27"), m.warnings().get(0));
    }
  }

  private static ModelBytes withWeight(byte[] tensor) {
    return new ModelBytes().input("x", F32, "n", 4).output("y", F32, "n", 16).initializer(tensor).node("MatMul", "x w", "y");
  }

  @Test
  void dimensionsThatLie() {
    byte[] data = ModelBytes.floats(64);
    refused(withWeight(ModelBytes.tensor("w", F32, new long[] {4, 17}, data)),
        "m.onnx: tensor 'w': dimensions [4, 17] of f32 take 272 bytes, 256 are given");
    refused(withWeight(ModelBytes.tensor("w", F32, new long[] {-4, -16}, data)), "tensor 'w': negative dimension");
    refused(withWeight(ModelBytes.tensor("w", F32, new long[] {1L << 62, 4}, data)), "tensor 'w': dimensions", "overflow");
    refused(withWeight(ModelBytes.tensor("w", F32, new long[] {1L << 32, 1L << 32, 0}, data)), "tensor 'w': dimensions", "overflow");
    refused(withWeight(ModelBytes.tensor("w", F32, new long[] {4, 1L << 40}, data)), "tensor 'w': dimensions");
    refused(withWeight(ModelBytes.tensor("w", 14, new long[] {4, 16}, data)), "tensor 'w': element type complex64");
    refused(withWeight(ModelBytes.tensor("w", 999, new long[] {4, 16}, data)), "tensor 'w': element type number 999");
    refused(withWeight(ModelBytes.tensor("w", F32, new long[] {4, 16}, new byte[0])), "tensor 'w': dimensions");
  }

  private static byte[] with(byte[] tensor, Message more) {
    return ModelBytes.message(out -> {
      out.writeRawBytes(tensor);
      more.write(out);
    });
  }

  @Test
  void elementsThatAreGivenTwiceOrInAnotherField() {
    byte[] whole = ModelBytes.tensor("w", F32, new long[] {4, 16}, ModelBytes.floats(64));
    byte[] bare = ModelBytes.message(out -> {
      out.writeInt64(1, 4);
      out.writeInt64(1, 16);
      out.writeInt32(2, F32);
      out.writeString(8, "w");
    });
    String twice = "tensor 'w' holds its elements in several runs";
    refused(withWeight(with(whole, out -> out.writeByteArray(9, ModelBytes.floats(64)))), twice);
    refused(withWeight(with(whole, out -> out.writeByteArray(4, ModelBytes.floats(64)))), twice);
    refused(withWeight(with(whole, out -> out.writeFloat(4, 1))), twice);
    refused(withWeight(with(whole, out -> out.writeInt64(7, 1))), twice);
    refused(withWeight(with(bare, out -> out.writeByteArray(10, ModelBytes.floats(64)))), "another type's field");
    refused(withWeight(with(bare, out -> out.writeByteArray(7, new byte[64]))), "another type's field");
    refused(withWeight(with(bare, out -> out.writeByteArray(4, ModelBytes.floats(63)))), "take 256 bytes, 252 are given");
    refused(withWeight(with(whole, out -> out.writeInt32(14, 1))), "tensor 'w' holds elements, and says that they lie in another file");
    Path right = withWeight(with(bare, out -> out.writeByteArray(4, ModelBytes.floats(64)))).write(folder.resolve("m.onnx"));
    OnnxImporter.importStage(right).close();
  }

  @ParameterizedTest
  @ValueSource(longs = {1L << 57, 1L << 58, 1L << 59, 1L << 60, 1L << 61, 1L << 62, Long.MAX_VALUE})
  void sizesWhoseBytesOrBitsOverflow(long columns) {
    refused(withWeight(ModelBytes.tensor("w", F32, new long[] {4, columns}, ModelBytes.floats(64))), "m.onnx: tensor 'w': dimensions");
    refused(withWeight(ModelBytes.tensor("w", 22, new long[] {columns}, new byte[64])), "m.onnx: tensor 'w': dimensions");
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 4, 7, 10, 13, 14, 99})
  void irVersionsAndTheirWarnings(int version) {
    try (ImportedModel m = OnnxImporter.importStage(matMul().irVersion(version).write(folder.resolve("m.onnx")))) {
      assertEquals(version > 13 ? 1 : 0, m.warnings().size());
      assertTrue(m.warnings().stream().allMatch(w -> w.startsWith("m.onnx: IR version " + version + " is newer than 13")));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27})
  void everyOpsetFrom7To27(int version) {
    try (ImportedModel m = OnnxImporter.importStage(matMul().opset(version).write(folder.resolve("m.onnx")))) {
      assertEquals(List.of(), m.warnings());
    }
  }

  @Test
  void irVersionsThatAreTooOld() {
    refused(matMul().irVersion(2), "m.onnx: IR version 2 isn't supported, 3 to 13 are");
  }

  @Test
  void namesThatAreNotUtf8() {
    byte[] node = ModelBytes.message(out -> {
      out.writeString(1, "x");
      out.writeByteArray(2, new byte[] {'y', (byte) 0xff});
      out.writeString(4, "Neg");
    });
    refused(matMul().graphField(1, node), "m.onnx: not a valid ONNX file: a name that isn't UTF-8");
    // Overlong forms of "/" and "." are how names get past a filter.
    for (byte[] overlong : new byte[][] {{(byte) 0xc0, (byte) 0xaf}, {(byte) 0xc0, (byte) 0xae}, {(byte) 0xed, (byte) 0xa0, (byte) 0x80}}) {
      refused(matMul().graphField(2, overlong).graphField(1, ModelBytes.message(out -> out.writeByteArray(3, overlong))),
          "a name that isn't UTF-8");
    }
  }

  @Test
  void whatIsGivenTwice() {
    refused(matMul().output("y", F32, "n", 16), "m.onnx: two outputs are named 'y'");
    refused(matMul().node("Concat", "x", "z", ModelBytes.integer("axis", 0), ModelBytes.integer("axis", 1)),
        "a node has the attribute 'axis' twice");
    refused(new ModelBytes().input("x", F32, 4).node("Neg", "x", "y"), "m.onnx: the graph has no outputs");
    refused(matMul().graphField(1, new byte[0]), "names no operation");
  }

  /** Protobuf that is broken on purpose: each form once. */
  @Test
  void brokenWireFormat() throws IOException {
    byte[] good = matMul().bytes();
    byte[][] tails = {
        {(byte) 0xfb, 0x03}, // a group
        {(byte) 0xff, 0x03}, // wire type 7
        {0x00}, // field number 0
        {(byte) 0x82, (byte) 0x80, (byte) 0x80, (byte) 0x80, 0x40}, // field number 2^30
        {0x08, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1}, // a number of twelve bytes
        {0x12, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1}, // a text of 2^64 - 1 bytes
        {0x12, -1, -1, -1, -1, 0x07}, // one of 2^31 - 1
        {0x3a, 0x02, 0x0a, 0x7f}, // a node that is longer than its graph
        {0x0d}, // a fixed number that is cut off
    };
    for (byte[] tail : tails) {
      byte[] whole = Arrays.copyOf(good, good.length + tail.length);
      System.arraycopy(tail, 0, whole, good.length, tail.length);
      Path p = file(whole);
      Refusal.of(() -> OnnxImporter.importStage(p), "m.onnx: not a valid ONNX file: ");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {40, 100, 3000})
  void graphsInsideGraphs(int depth) {
    byte[] inner = new ModelBytes().node("Neg", "x", "r").output("r", F32, "n", 4).asAttribute("then_branch");
    for (int i = 0; i < depth; i++) {
      inner = new ModelBytes().node("If", "c", "r", inner).output("r", F32, "n", 4).asAttribute("then_branch");
    }
    refused(matMul().input("c", 9).node("If", "c", "z", inner), "m.onnx: not a valid ONNX file: messages are nested more than");
  }

  /** Each of these asks for more than any machine has, in a few bytes; nothing of it may be made to find out. */
  @ParameterizedTest
  @CsvSource({"4611686018427387904,4", "1099511627776,1099511627776", "2147483647,2147483647", "-1,4", "0,4611686018427387904"})
  void absurdSizesOfConstants(long rows, long columns) {
    ModelBytes m = new ModelBytes().input("x", F32, "n", 4).output("y", F32, "n", 4)
        .initializer(ModelBytes.tensor("shape", I64, new long[] {2}, ModelBytes.longs(rows, columns)))
        .initializer(ModelBytes.tensor("one", F32, new long[] {1, 1}, ModelBytes.floats(1)))
        .node("ConstantOfShape", "shape", "a").node("Expand", "one shape", "b").node("Tile", "one shape", "c")
        .node("Neg", "x", "y");
    Path p = m.write(folder.resolve("m.onnx"));
    assertTimeoutPreemptively(Duration.ofSeconds(20), () -> {
      try (ImportedModel imported = OnnxImporter.importStage(p)) {
        assertTrue(rows >= 0, "negative sizes were taken");
      } catch (OnnxException e) {
        assertTrue(e.getMessage().startsWith("m.onnx: node '/"), e.getMessage());
      }
    });
  }

  @Test
  void resultsTooLargeToName() {
    refused(new ModelBytes().input("x", F32, 1L << 40, 1L << 40).output("y", I64).node("Size", "x", "s")
        .node("Flatten", "x", "y", ModelBytes.integer("axis", 0)), "m.onnx: node '/Flatten_3'", "can't be told");
  }

  /** Squaring a symbolic dimension again and again would double its text each time. */
  @Test
  void shapeArithmeticThatGrowsWithoutEnd() {
    ModelBytes m = new ModelBytes().input("x", F32, "a", "b").output("y", I64).node("Shape", "x", "s0");
    for (int i = 0; i < 60; i++) {
      m.node("Mul", "s" + i + " s" + i, "t" + i).node("Max", "t" + i + " s" + i, "s" + (i + 1));
    }
    m.node("ReduceProd", "s60", "y");
    Path p = m.write(folder.resolve("m.onnx"));
    assertTimeoutPreemptively(Duration.ofSeconds(5), () -> OnnxImporter.importStage(p).close());
  }

  @Test
  void namesThatDontHoldTogether() {
    refused(matMul().node("Neg", "b", "a").node("Neg", "a", "b"), "m.onnx: node '/Neg_", "is part of a cycle");
    refused(matMul().node("Neg", "a", "a"), "is part of a cycle");
    refused(matMul().node("Neg", "x", "y"), "output 'y' is computed by node '/MatMul_3' too");
    refused(matMul().node("Neg", "x", "w"), "output 'w' has the name of an input or initializer");
    refused(matMul().node("Neg", "nowhere", "z"), "m.onnx: node '/Neg_4': input 'nowhere' is defined nowhere");
    refused(matMul().output("z", F32, 1), "m.onnx: output 'z' is computed by no node");
    refused(matMul().initializer(ModelBytes.tensor("w", F32, new long[] {1}, ModelBytes.floats(1))),
        "m.onnx: two initializers are named 'w'");
    refused(matMul().input("x", F32, 1), "m.onnx: two inputs are named 'x'");
  }

  @Test
  void nodesThatAreUsedWrongly() {
    refused(matMul().node("MatMul", "x", "z"), "m.onnx: node '/MatMul_4': MatMul lacks the input 'b'");
    refused(matMul().node("Neg", "x x", "z"), "Neg has 2 inputs, it takes at most 1");
    refused(matMul().node("Neg", "x", "z z2"), "Neg has 2 outputs, it gives 1");
    refused(matMul().node("Concat", "x x", "z"), "Concat lacks the attribute 'axis'");
    refused(matMul().node("Concat", "x x", "z", ModelBytes.integer("axis", 9)), "axis 9 of a tensor of rank 2");
    refused(matMul().node("Neg", "x", "z", ModelBytes.integer("speed", 9)), "Neg has the attribute 'speed'");
    refused(matMul().node("Gather", "x x", "z"), "indices of type tensor<f32");
    refused(new ModelBytes().input("x", F32, 2, 3).output("y", F32).node("MatMul", "x x", "y"),
        "m.onnx: node '/MatMul_2'", "tensor<f32, [2, 3]> times tensor<f32, [2, 3]>");
    refused(new ModelBytes().input("x", F32, 2, 3).input("z", F32, 4, 3).output("y", F32).node("Add", "x z", "y"),
        "[2, 3] and [4, 3] don't broadcast");
  }
}
