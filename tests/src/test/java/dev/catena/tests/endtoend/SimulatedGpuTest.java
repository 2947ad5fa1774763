package dev.catena.tests.endtoend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.DeviceException;
import dev.catena.runtime.Session;
import dev.catena.runtime.SessionOptions;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.oracle.Agreement;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.Generation;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** GPU code on the simulated device gives what ONNX Runtime gives, under several orders of lanes, warps and blocks. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SimulatedGpuTest {
  private static final LlamaShape SHAPE = LlamaShape.of(6, 2, 20, 172, 512, 3, 64);

  private Path artifact;
  private Generation judge;

  @BeforeAll
  void compile(@TempDir Path folder) {
    var pieces = LlamaModel.write(folder.resolve("model"), SHAPE, ExportStyle.F32, 19);
    judge = ModelBench.judge(pieces, ModelBench.prompt(9, SHAPE.vocab(), 23), 4);
    artifact = ModelBench.compile(pieces, folder.resolve("model.catena"), "--wbits", 32, "--target", "sm_75,sm_86,cpu", "--step-rows", 16);
  }

  @ParameterizedTest
  @CsvSource({"sm_75,1,sim:0", "sm_86,1,sim:0", "sm_86,2,sim:0", "sm_86,3,sim:0"})
  void agreesWithOnnxRuntime(String target, String seed, String devices) {
    check(target, seed, devices);
  }

  /** Rows go from one kind of device to the other and back. */
  @ParameterizedTest
  @CsvSource(delimiter = ';', value = {"sim:0,cpu:0", "cpu:0,sim:0", "sim:0,cpu:0,sim:1", "sim:0,sim:0"})
  void stagesMayBeSpreadOverKindsOfDevices(String devices) {
    check("sm_86", "4", devices);
  }

  /** Weights that don't fit pass through two buffers, whichever stream is behind; so do rows from one GPU to the next. */
  @ParameterizedTest
  @CsvSource(delimiter = ';', value = {"5;sim:0", "6;sim:0,sim:1", "7;sim:0,sim:0"})
  void weightsAreStreamedThroughTheSmallestMemory(String seed, String devices) {
    SessionOptions options = SessionOptions.defaults().withThreads(2).withDevices(List.of(devices.split(",")));
    check("sm_86", seed, options.withDeviceMemory(leastMemory(options)));
  }

  /** A device that takes four times as long gets fewer stages, and the answer is the same. */
  @ParameterizedTest
  @CsvSource(delimiter = ';', value = {"1,4", "4,1"})
  void aSlowDeviceGetsFewerStages(String slowness) {
    SessionOptions options = SessionOptions.defaults().withThreads(2).withDevices(List.of("sim:0", "sim:1"));
    System.setProperty("catena.sim.slowness", slowness);
    System.setProperty("catena.sim.target", "sm_86");
    try (CatenaModel model = CatenaModel.open(artifact)) {
      List<List<Double>> costs = model.stageCosts(options);
      boolean firstIsSlow = slowness.startsWith("4");
      for (int i = 0; i < model.manifest().stages().size(); i++) {
        double ratio = costs.get(1).get(i) / costs.get(0).get(i);
        assertEquals(1, (firstIsSlow ? 1 / ratio : ratio) / 4, 0.1, "stage " + i);
      }
      List<List<String>> placed = model.placedStages(options.withStageCosts(costs));
      assertTrue(firstIsSlow == placed.get(0).size() < placed.get(1).size() && placed.get(0).size() != placed.get(1).size(), placed.toString());
      check("sm_86", "8", options.withStageCosts(costs));
    } finally {
      System.clearProperty("catena.sim.slowness");
      System.clearProperty("catena.sim.target");
    }
  }

  /** About the least of each GPU's memory that is enough. */
  private long leastMemory(SessionOptions options) {
    try (CatenaModel model = CatenaModel.open(artifact)) {
      for (long bytes = 64 << 10;; bytes += bytes / 16) {
        try (Session enough = model.newSession(options.withDeviceMemory(bytes))) {
          return bytes;
        } catch (DeviceException e) {
          assertTrue(e.getMessage().contains("--device-memory"), e.getMessage());
        }
      }
    }
  }

  private void check(String target, String seed, String devices) {
    check(target, seed, SessionOptions.defaults().withThreads(2).withDevices(List.of(devices.split(","))));
  }

  private void check(String target, String seed, SessionOptions options) {
    System.setProperty("catena.sim.target", target);
    System.setProperty("catena.sim.seed", seed);
    try (CompiledModel model = new CompiledModel(artifact, options)) {
      new Agreement(judge, 1e-4).check(model);
    } finally {
      System.clearProperty("catena.sim.target");
      System.clearProperty("catena.sim.seed");
    }
  }
}
