package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.runtime.SessionOptions;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.oracle.CompiledModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole models, stored in every way: the GPU's kernels in the simulator give the CPU's logits, which other tests judge. */
class GpuAgreesWithCpuTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({"4,32,sm_86", "4,32,sm_75", "4,64,sm_90", "8,128,sm_86", "16,128,sm_75", "4,24,sm_86"})
  void throughPrefillAndDecode(int bits, int group, String target) {
    Random random = new Random(31L * bits + group);
    int kvHeads = 1 + random.nextInt(3);
    LlamaShape shape = LlamaShape.of(kvHeads * (1 + random.nextInt(4)), kvHeads, 2 * (4 + random.nextInt(20)), 172, 105,
        1 + random.nextInt(3), 64);
    LlamaModel.write(folder.resolve("model"), shape, ExportStyle.F16, 37);
    Path artifact = folder.resolve("m.catena");
    CatenaCommand.run("compile", folder.resolve("model"), "-o", artifact, "--target", target + ",cpu", "--wbits", bits,
        "--group-size", group).succeeded();
    int[] prompt = random.ints(21, 0, 105).toArray();
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
        assertEquals(onCpu.get(i)[id] / largest, onGpu.get(i)[id] / largest, 1e-3, "position " + i + ", token " + id);
      }
    }
  }

  /** A prefill of 16 rows, a chunk of 3, and single rows. */
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
