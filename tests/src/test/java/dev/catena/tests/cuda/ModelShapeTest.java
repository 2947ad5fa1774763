package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.Session;
import dev.catena.runtime.SessionOptions;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.cuda.FakeCuda.Settings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A model that is only a shape: it compiles, its weights are repeated samples, and its decode steps can be measured. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ModelShapeTest {
  private static final String SHAPE = "layers = 2\nhidden = 64\nffn = 96\nheads = 4\nkv_heads = 2\nvocabulary = 3000\npositions = 128\nrope_theta = 10000\n";

  @TempDir static Path folder;
  private Path artifact;

  @BeforeAll
  void compile() throws IOException {
    Files.writeString(folder.resolve("m.shape"), SHAPE);
    artifact = folder.resolve("m.catena");
    CatenaCommand.run("compile", folder.resolve("m.shape"), "-o", artifact, "--target", "sm_86", "--wbits", 4, "--head-bits", 8, "--step-rows", 8).succeeded();
  }

  /** On the card each weight has all its bytes: those of its sample, over and over. */
  @Test
  void weightsAreTheirSamplesRepeated() throws Exception {
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 86, 1L << 30)); ArtifactReader reader = ArtifactReader.open(artifact);
        CatenaModel model = CatenaModel.open(artifact);
        Session session = model.newSession(SessionOptions.defaults().withDevices(List.of("cuda:0")))) {
      session.feed(1);
      List<String> nodes = fake.log("node");
      int checked = 0;
      int repeated = 0;
      int at = 0;
      Set<String> seen = new HashSet<>();
      for (Manifest.Stage stage : reader.manifest().stages()) {
        Manifest.Target target = reader.manifest().target("sm_86");
        for (var launch : target.programs().get(stage.code().get("sm_86").symbol()).buckets().get(0).launches()) {
          String[] words = nodes.get(at++).split(" ");
          for (int i = 0; i < launch.args().size(); i++) {
            String argument = launch.args().get(i);
            if (argument.startsWith("weight:")) {
              Manifest.Weight weight = stage.weights().get(Integer.parseInt(argument.substring(7)));
              byte[] sample = reader.bytes(weight.sample());
              byte[] expected = new byte[(int) weight.bytes()];
              for (int b = 0; b < expected.length; b++) {
                expected[b] = sample[b % sample.length];
              }
              assertArrayEquals(expected, FakeCuda.bytes(Long.parseLong(words[words.length - launch.args().size() + i]), expected.length), weight.name());
              checked++;
              repeated += expected.length > sample.length ? 1 : 0;
              seen.add(weight.entry());
            }
          }
        }
      }
      assertTrue(checked > 10 && repeated > 1 && seen.size() > 10, checked + " weights, " + repeated + " longer than their samples");
    }
  }

  /** Cells that can't be are told with the reason, the others measured; on the simulator every sequence's cache is checked. */
  @Test
  void decodeStepsAreMeasuredCellByCell() throws IOException {
    CommandResult result = CatenaCommand.run("bench", artifact, "--device", "sim:0", "--decode", "2x65,3x4,1x4000", "--gen-len", 1, "--repeat", 3,
        "--json").succeeded();
    JsonNode json = new ObjectMapper().readTree(result.out());
    assertEquals("samples", json.get("settings").get("weights").asText());
    JsonNode cells = json.get("cells");
    assertEquals(3, cells.size());
    long weights;
    long kv;
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      weights = reader.manifest().memory().bytesPerToken();
      kv = reader.manifest().memory().kvBytesPerToken();
    }
    assertEquals(weights + 2 * 66 * kv, cells.get(0).get("bytes_per_step").asLong());
    assertEquals(weights + 3 * 5 * kv, cells.get(1).get("bytes_per_step").asLong());
    for (int i = 0; i < 2; i++) {
      assertEquals(cells.get(i).get("batch").asInt() / cells.get(i).get("step_s").asDouble(), cells.get(i).get("tokens_per_s").asDouble(), 1e-6);
    }
    assertTrue(cells.get(2).get("not_measured").asText().contains("128"), cells.toString());
    assertTrue(result.err().contains("what it says means nothing"), result.err());
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
    "layers = 2 | layers = two | layers = two: must be from 1 to",
    "ffn = 96 | | ffn is missing",
    "ffn = 96 | ffn = 96%colour = 3 | 'colour' is no size",
    "kv_heads = 2 | kv_heads = 3 | kv_heads: heads is no multiple of it",
    "heads = 4 | heads = 64 | heads: hidden is no even multiple of it"})
  void mistakesInAShape(String line, String instead, String said) throws IOException {
    Path file = folder.resolve("wrong.shape");
    Files.writeString(file, SHAPE.replaceFirst("(?m)^" + line + "$", instead == null ? "" : instead.replace('%', '\n')));
    CommandResult refused = CatenaCommand.run("compile", file, "-o", folder.resolve("w.catena"), "--target", "sm_86");
    assertEquals(2, refused.status(), refused.err());
    assertTrue(refused.err().contains("wrong.shape: " + said), refused.err());
  }

  @Test
  void aShapeIsForGpus() {
    CommandResult refused = CatenaCommand.run("compile", folder.resolve("m.shape"), "-o", folder.resolve("w.catena"), "--target", "cpu,sm_86");
    assertEquals(2, refused.status(), refused.err());
    assertTrue(refused.err().contains("m.shape: a shape has no weights"), refused.err());
  }

  /** What no GPU has run yet is for those who ask for it. */
  @Test
  void productsByWgmmaAreExperimental() {
    CommandResult refused = CatenaCommand.run("compile", folder.resolve("m.shape"), "-o", folder.resolve("w.catena"), "--target", "sm_90a");
    assertEquals(2, refused.status(), refused.err());
    assertTrue(refused.err().strip().endsWith("have run on no GPU yet; add --experimental, or choose sm_90"), refused.err());
  }
}
