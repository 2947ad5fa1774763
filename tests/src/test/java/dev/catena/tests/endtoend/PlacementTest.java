package dev.catena.tests.endtoend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.catena.runtime.SessionOptions;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.oracle.Agreement;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.Generation;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Threads and devices decide how fast a model runs and nothing else: logits are the same, bit for bit. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PlacementTest {
  private static final LlamaShape SHAPE = LlamaShape.of(6, 2, 20, 172, 512, 4, 64);
  private static final int TOKENS = 12;

  private Path artifact;
  private Generation judge;
  private float[][] onOneThread;

  @BeforeAll
  void compile(@TempDir Path folder) {
    var pieces = LlamaModel.write(folder.resolve("model"), SHAPE, ExportStyle.F32, 19);
    judge = ModelBench.judge(pieces, ModelBench.prompt(21, SHAPE.vocab(), 23), TOKENS);
    artifact = ModelBench.compile(pieces, folder.resolve("model.catena"), "--wbits", 32);
    onOneThread = logits(SessionOptions.defaults().withThreads(1));
  }

  private float[][] logits(SessionOptions options) {
    try (CompiledModel model = new CompiledModel(artifact, options)) {
      List<float[]> rows = new ArrayList<>(Arrays.asList(model.feed(judge.prompt())));
      for (int i = 0; i + 1 < TOKENS; i++) {
        rows.addAll(Arrays.asList(model.feed(judge.generated()[i])));
      }
      return rows.toArray(float[][]::new);
    }
  }

  @Test
  void oneThreadAgreesWithOnnxRuntime() {
    try (CompiledModel model = new CompiledModel(artifact, SessionOptions.defaults().withThreads(1))) {
      new Agreement(judge, 1e-4).check(model);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 5, 8})
  void moreThreadsGiveTheSameBits(int threads) {
    assertArrayEquals(onOneThread, logits(SessionOptions.defaults().withThreads(threads)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu:0,cpu:1", "cpu:0,cpu:1,cpu:2", "cpu:1", "cpu:0,cpu:0", "cpu:0,cpu:1,cpu:0",
      "cpu:0,cpu:1,cpu:2,cpu:3,cpu:4,cpu:5,cpu:6"})
  void moreDevicesGiveTheSameBits(String devices) {
    assertArrayEquals(onOneThread,
        logits(SessionOptions.defaults().withDevices(List.of(devices.split(","))).withThreads(2)));
  }
}
