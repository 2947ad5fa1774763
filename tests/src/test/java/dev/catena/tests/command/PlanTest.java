package dev.catena.tests.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.Session;
import dev.catena.runtime.SessionOptions;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.PieceFolder;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code plan} before compiling against what the runtime then takes. */
class PlanTest {
  private static final double TOLERANCE = 0.02;

  @TempDir Path folder;

  private static JsonNode plan(Object... args) throws Exception {
    return new ObjectMapper().readTree(CatenaCommand.run(args).succeeded().out());
  }

  @ParameterizedTest(name = "{0} bits, KV {1}, {2} positions, {3} threads")
  @CsvSource({"4, '8,4', 200, 1", "16, 16, 64, 2", "3, 4, 130, 3", "2, 8, 256, 2"})
  void theRuntimeTakesWhatWasSaid(int bits, String kv, int positions, int threads) throws Exception {
    PieceFolder pieces = LlamaModel.write(folder.resolve("model"), LlamaShape.of(8, 4, 16, 300, 500, 3, 256), ExportStyle.F32, 3);
    JsonNode said = plan("plan", pieces.path(), "--wbits", bits, "--kv-bits", kv, "--max-seq-len", positions, "--threads",
        threads, "--device-memory", "1GiB", "--json");
    Path artifact = folder.resolve("model.catena");
    CatenaCommand.run("compile", pieces.path(), "-o", artifact, "--wbits", bits, "--kv-bits", kv, "--max-seq-len", positions)
        .succeeded();
    try (CatenaModel model = CatenaModel.open(artifact);
        Session session = model.newSession(SessionOptions.defaults().withThreads(threads))) {
      long weights = model.manifest().memory().weightsBytes();
      assertEquals(weights, said.get("weights_bytes").longValue());
      long taken = weights + session.memoryBytes();
      assertEquals(taken, said.get("total_bytes").longValue(), TOLERANCE * taken);
    }
  }

  @Test
  void aGpuTakesWhatWasSaid() throws Exception {
    PieceFolder pieces = LlamaModel.write(folder.resolve("model"), LlamaShape.of(8, 4, 16, 300, 500, 3, 256), ExportStyle.F32, 3);
    JsonNode said = plan("plan", pieces.path(), "--target", "sm_86", "--kv-bits", 8, "--max-seq-len", 200, "--step-rows", 20, "--device-memory",
        "1GiB", "--json");
    Path artifact = folder.resolve("model.catena");
    CatenaCommand.run("compile", pieces.path(), "-o", artifact, "--target", "sm_86", "--kv-bits", 8, "--max-seq-len", 200, "--step-rows", 20)
        .succeeded();
    try (CatenaModel model = CatenaModel.open(artifact);
        Session session = model.newSession(SessionOptions.defaults().withDevices(List.of("sim:0")))) {
      long taken = model.manifest().memory().weightsBytes() + session.memoryBytes();
      long graphs = said.get("graph_bytes").longValue();      // the driver's, by its own account
      assertTrue(graphs > 0);
      assertEquals(taken, said.get("total_bytes").longValue() - graphs);
    }
  }

  @Test
  void whatDoesNotFitIsSaid() throws Exception {
    PieceFolder pieces = LlamaModel.write(folder.resolve("model"), LlamaShape.of(8, 4, 16, 300, 500, 3, 256), ExportStyle.F32, 3);
    JsonNode small = plan("plan", pieces.path(), "--device-memory", "1MiB", "--json");
    assertFalse(small.get("fits").booleanValue());
    JsonNode one = plan("plan", pieces.path(), "--device-memory", "64MiB", "--json");
    assertTrue(one.get("fits").booleanValue());
    long most = one.get("sequences_that_fit").longValue();
    assertTrue(plan("plan", pieces.path(), "--device-memory", "64MiB", "--batch", most, "--json").get("fits").booleanValue());
    assertFalse(plan("plan", pieces.path(), "--device-memory", "64MiB", "--batch", most + 1, "--json").get("fits").booleanValue());
  }
}
