package dev.catena.tests.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.tests.model.ExternalTensor;
import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.OnnxContent;
import dev.catena.tests.model.OnnxGraphWriter;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Hostile files at the command line: one line, status 2; what is only large is read in a heap far below 256 MB. */
class HostileFileTest {
  private static final String SMALL_HEAP = "-Xmx160m";

  @TempDir Path root;
  private Path folder;

  @BeforeEach
  void lay() throws IOException {
    folder = Files.createDirectory(root.resolve("model"));
    Files.write(root.resolve("secret"), new byte[4096]);
    Files.write(folder.resolve("data.bin"), new byte[4096]);
  }

  private void refused(byte[] model, String... named) throws IOException {
    Files.write(folder.resolve("model.onnx"), model);
    for (String command : List.of("compile", "inspect", "plan")) {
      Refusal.check(folder, List.of(command, "model.onnx"), named);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"../secret", "sub/../../secret", "/etc/passwd", "..\\secret", "link", "hard"})
  void externalDataElsewhere(String location) throws IOException {
    Files.createSymbolicLink(folder.resolve("link"), root.resolve("secret"));
    Files.createLink(folder.resolve("hard"), root.resolve("secret"));
    Files.write(folder.resolve("model.onnx"), ExternalTensor.model(location, "0", "64", 4));
    Refusal.check(folder, List.of("inspect", "model.onnx"), "model.onnx: tensor 'w'", location);
  }

  @Test
  void sizesThatOverflow() throws IOException {
    Files.write(folder.resolve("model.onnx"), ExternalTensor.model("data.bin", "9223372036854775000", "64", 4));
    Refusal.check(folder, List.of("inspect", "model.onnx"), "model.onnx: tensor 'w'", "9223372036854775000");
    Files.write(folder.resolve("model.onnx"), ExternalTensor.model("data.bin", null, null, 1L << 57));
    Refusal.check(folder, List.of("inspect", "model.onnx"), "model.onnx: tensor 'w'", "overflow");
  }

  @Test
  void bytesThatAreNoModel() throws IOException {
    refused(new byte[1 << 20], "model.onnx");
    byte[] nested = new byte[1 << 20];
    Arrays.fill(nested, (byte) 0x3a); // graphs in graphs, each with a length that lies
    refused(nested, "model.onnx");
  }

  private OnnxGraphWriter graph() {
    OnnxGraphWriter g = new OnnxGraphWriter(17);
    g.input("x", OnnxElement.F32, "n", 4);
    g.output("y", OnnxElement.F32, "n", 4);
    return g;
  }

  /** 20 000 nodes of which every second takes a value twice: rules must not try all ways to match. */
  @Test
  void longChains() throws IOException {
    OnnxGraphWriter g = graph();
    int nodes = 20_000;
    for (int i = 0; i < nodes; i++) {
      String from = i == 0 ? "x" : "a" + i;
      String to = i == nodes - 1 ? "y" : "a" + (i + 1);
      if (i % 2 == 0) {
        g.node("Add", "", List.of(from, from), List.of(to));
      } else {
        g.node("Mul", "", List.of(from, "x"), List.of(to));
      }
    }
    inspected(g);
  }

  /** 4000 operations of which none becomes part of another: in one C function clang alone takes 278 MB. */
  @Test
  void longGraphsCompileInLittleMemory() throws IOException {
    OnnxGraphWriter g = graph();
    for (int i = 0; i < 4000; i++) {
      String from = i == 0 ? "x" : "a" + i;
      g.node("Add", "", List.of(from, from), List.of(i == 3999 ? "y" : "a" + (i + 1)));
    }
    g.write(folder.resolve("model.onnx"));
    RunningCommand compilation = CatenaProcess.in(folder).with("-Xms16m", "-XX:MinHeapFreeRatio=25").start("compile", "model.onnx");
    long peak = compilation.awaitPeakMemory();
    compilation.await().succeeded();
    assertTrue(peak < 256 << 20, (peak >> 20) + " MiB");
  }

  /** More code than compilers should be given. */
  @Test
  void moreKernelsThanAnyModelHas() throws IOException {
    OnnxGraphWriter g = new OnnxGraphWriter(13);
    g.input("x", OnnxElement.F32, 12_000);
    List<String> parts = new ArrayList<>();
    for (int i = 0; i < 12_000; i++) {
      parts.add("p" + i);
    }
    g.node("Split", "cut", List.of("x"), parts);
    g.node("Concat", "join", parts, List.of("y"), OnnxAttribute.of("axis", 0L));
    g.output("y", OnnxElement.F32, 12_000);
    g.write(folder.resolve("model.onnx"));
    for (String target : List.of("cpu", "sm_86")) {
      CommandResult result = CatenaProcess.in(folder).with(SMALL_HEAP).run("compile", "model.onnx", "--target", target);
      assertEquals(2, result.status(), result.err());
      assertEquals(1, result.err().lines().count(), result.err());
      assertTrue(result.err().contains("model.onnx: node 'join'") && (result.err().contains("2048 different kernels")
          || target.equals("sm_86") && result.err().contains("a source of more than")), result.err());
    }
  }

  /** Each node asks for 1024 elements with 30 bytes. */
  @Test
  void constantsThatGrow() throws IOException {
    OnnxGraphWriter g = graph();
    g.initializer("from", OnnxContent.longs(new long[] {0}));
    g.initializer("to", OnnxContent.longs(new long[] {1024}));
    g.initializer("step", OnnxContent.longs(new long[] {1}));
    for (int i = 0; i < 15_000; i++) {
      g.node("Range", "", List.of("from", "to", "step"), List.of("r" + i));
    }
    g.node("Neg", "", List.of("x"), List.of("y"));
    inspected(g);
  }

  /** Choices that share their branches' names: what is inside is forgotten behind each. */
  @Test
  void manyChoices() throws IOException {
    OnnxGraphWriter g = graph();
    g.input("c", OnnxElement.BOOL);
    OnnxGraphWriter branch = new OnnxGraphWriter(17);
    branch.node("Neg", "", List.of("x"), List.of("r"));
    branch.output("r", OnnxElement.F32, "n", 4);
    for (int i = 0; i < 4000; i++) {
      g.node("If", "", List.of("c"), List.of(i == 3999 ? "y" : "a" + i), OnnxAttribute.graph("then_branch", branch),
          OnnxAttribute.graph("else_branch", branch));
    }
    inspected(g);
  }

  private void inspected(OnnxGraphWriter g) throws IOException {
    g.write(folder.resolve("model.onnx"));
    assertTrue(Files.size(folder.resolve("model.onnx")) < 1 << 20);
    CatenaProcess.in(folder).with(SMALL_HEAP).run("inspect", "model.onnx").succeeded();
  }

  /** Eight gigabytes of weights in a file that takes no room, described in a heap of 160 MB. */
  @Test
  void moreWeightsThanProtobufHolds() throws IOException {
    sparse("large.bin", 8L << 30);
    Files.write(folder.resolve("model.onnx"), ExternalTensor.model("large.bin", "0", null, 1L << 29));
    CommandResult result = CatenaProcess.in(folder).with(SMALL_HEAP).run("inspect", "model.onnx").succeeded();
    assertTrue(result.out().contains("8.00 GiB"), result.out());
  }

  private void sparse(String name, long size) {
    try (RandomAccessFile f = new RandomAccessFile(folder.resolve(name).toFile(), "rw")) {
      f.setLength(size);
    } catch (IOException e) {
      String why = "SKIPPED: a sparse file of " + size + " bytes can't be made here: " + e.getMessage();
      System.err.println(why);
      Assumptions.abort(why);
    }
  }

  @Test
  void textsThatAreNoModules() throws IOException {
    for (String text : List.of("[".repeat(1 << 19), "module @m {a = " + "[".repeat(1 << 19), "stage @s(\n".repeat(50_000),
        "module @m { stage @s(%x: tensor<f32, [" + "2, ".repeat(300_000) + "2]>) -> () { return } }", "\0".repeat(1 << 19))) {
      Files.writeString(folder.resolve("m.cir"), text);
      CommandResult result = CatenaProcess.in(folder).with(SMALL_HEAP).run("opt", "m.cir");
      assertEquals(2, result.status(), result.err());
      assertTrue(result.err().contains("m.cir:"), result.err());
    }
  }

  @Test
  void aTokenizerLargerThanAny() throws IOException {
    Files.write(folder.resolve("model.onnx"), ExternalTensor.model("data.bin", null, null, 4));
    sparse("tokenizer.json", 8L << 30);
    Refusal.check(folder, List.of("compile", "model.onnx"), "tokenizer.json");
  }
}
