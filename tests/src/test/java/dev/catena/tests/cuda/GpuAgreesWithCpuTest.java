package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.artifact.ArtifactReader;
import dev.catena.runtime.SessionOptions;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.oracle.CompiledModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole models, stored in every way: the GPU's kernels in the simulator give the CPU's logits, which other tests judge. */
class GpuAgreesWithCpuTest {
  /** Half of the time is NVRTC's: kernels for up to 4 rows are a third of those for up to 16, which some get unless this is set. */
  private static final boolean PRODUCT = Boolean.getBoolean("catena.tests.product");

  @TempDir Path folder;

  /**
   * Where a key or value lies at the border of two codes, the two sides may choose differently, since their sums differ in the
   * last bits.
   */
  private static double tolerance(String kvBits) {
    return kvBits.contains("4") ? 1e-2 : kvBits.contains("8") ? 4e-3 : 1e-3;
  }

  @ParameterizedTest
  @CsvSource({
    // wbits, group, KV bits, target, KV heads, query heads of each, head size, FFN, layers, rows of a step
    "4,32,16,sm_86,2,3,24,172,2,16",
    "4,64,8,sm_75,1,1,8,172,1,4",
    "4,128,'8,4',sm_90,3,2,20,96,3,16",
    "8,128,4,sm_86,1,4,64,172,1,4",
    "16,128,16,sm_75,2,2,80,60,2,4",
    "16,128,4,sm_90,1,2,128,172,1,16",
    "4,24,8,sm_86,1,9,16,172,8,4",
    "4,96,'16,8',sm_75,1,1,256,172,1,4",
    "32,128,32,sm_86,2,1,34,50,1,4",
    "3,64,8,sm_90,2,2,16,96,1,4",
    "2,32,16,sm_80,1,2,32,64,1,4"})
  void throughPrefillAndDecode(int bits, int group, String kvBits, String target, int kvHeads, int queriesOfEach, int headDim,
      int ffn, int layers, int stepRows) {
    LlamaShape shape = LlamaShape.of(kvHeads * queriesOfEach, kvHeads, headDim, ffn, 105, layers, 64);
    LlamaModel.write(folder.resolve("model"), shape, ExportStyle.F16, 37);
    Path artifact = folder.resolve("m.catena");
    CatenaCommand.run("compile", folder.resolve("model"), "-o", artifact, "--target", target + ",cpu", "--wbits", bits,
        "--group-size", group, "--kv-bits", kvBits, "--activations", "f32", "--step-rows", PRODUCT ? 16 : stepRows).succeeded();
    assertAlike(artifact, new Random(31L * bits + group).ints(21, 0, 105).toArray(), tolerance(kvBits));
  }

  /**
   * By default an element of x is one half, off by 2^-11 of itself at most and by 2.1e-4 of itself in the root mean square, and so is, relative to its
   * own, a linear layer's result. A layer's four and the head's are independent: they add as squares, and as many roots of 2^-11 leave room for
   * twice that. The cache is in 32 bits, where nothing tips over.
   */
  @ParameterizedTest
  @CsvSource({"16,sm_86,2", "4,sm_75,1"})
  void byDefaultUpToOneHalfOfX(int bits, String target, int layers) {
    compileSmall("m.catena", bits, layers, target + ",cpu");
    assertAlike(folder.resolve("m.catena"), new Random(bits).ints(21, 0, 105).toArray(), Math.sqrt(4 * layers + 1) / (1 << 11));
  }

  /** Eight bits of x are the same to a GPU, and one line says so. */
  @Test
  void eightBitsOfXAreTheDefault() {
    assertEquals(0, compileSmall("default.catena", 4, 1, "sm_75").err().lines().filter(line -> line.contains("--activations")).count());
    CommandResult asked = compileSmall("int8.catena", 4, 1, "sm_75", "--activations", "int8");
    List<String> warnings = asked.err().lines().filter(line -> line.contains("--activations")).toList();
    assertEquals(1, warnings.size(), asked.err());
    assertTrue(warnings.get(0).matches(".*--activations int8 has no effect .* on sm_75: .*"), warnings.get(0));
    assertArrayEquals(ptx("default.catena"), ptx("int8.catena"));
  }

  private CommandResult compileSmall(String name, int bits, int layers, String targets, Object... more) {
    LlamaModel.write(folder.resolve("model"), LlamaShape.of(4, 2, 16, 96, 105, layers, 64), ExportStyle.F16, 43);
    List<Object> arguments = new ArrayList<>(List.of("compile", folder.resolve("model"), "-o", folder.resolve(name), "--target", targets, "--wbits", bits,
        "--group-size", 32, "--kv-bits", 32, "--step-rows", 1));
    arguments.addAll(List.of(more));
    return CatenaCommand.run(arguments.toArray()).succeeded();
  }

  private byte[] ptx(String name) {
    try (ArtifactReader reader = ArtifactReader.open(folder.resolve(name))) {
      return reader.bytes(reader.manifest().targets().get(0).ptx());
    }
  }

  private static void assertAlike(Path artifact, int[] prompt, double tolerance) {
    List<float[]> onCpu = logits(artifact, "cpu:0", prompt);
    List<float[]> onGpu = logits(artifact, "sim:0", prompt);
    double largest = 0;
    for (float[] row : onCpu) {
      for (float l : row) {
        largest = Math.max(largest, Math.abs(l));
      }
    }
    for (int i = 0; i < onCpu.size(); i++) {
      for (int id = 0; id < onCpu.get(i).length; id++) {
        assertEquals(onCpu.get(i)[id] / largest, onGpu.get(i)[id] / largest, tolerance, "position " + i + ", token " + id);
      }
    }
  }

  /** A prefill of 16 rows, in one step or in steps of four, a chunk of 3, and single rows. */
  private static List<float[]> logits(Path artifact, String device, int[] ids) {
    List<float[]> rows = new ArrayList<>();
    try (CompiledModel model = new CompiledModel(artifact,
        SessionOptions.defaults().withThreads(2).withDevices(List.of(device)))) {
      int at = 0;
      for (int count : new int[] {16, 3, 1, 1}) {
        rows.addAll(List.of(model.feed(Arrays.copyOfRange(ids, at, at + count))));
        at += count;
      }
    }
    return rows;
  }
}
