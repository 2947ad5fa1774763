package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import dev.catena.sim.timing.Card;
import dev.catena.sim.timing.KernelWork;
import dev.catena.sim.timing.PredictedTime;
import dev.catena.sim.timing.StepShape;
import dev.catena.sim.timing.StepWork;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is predicted of an artifact that no card has run, against what must hold for any prediction. */
class ForecastTest {
  private static final int CONTEXT = 300;
  private static final int LAYERS = 2;
  private static final int HIDDEN = 256;

  @TempDir static Path folder;
  private static Path artifact;

  @BeforeAll
  static void compile() {
    LlamaModel.write(folder.resolve("model"), LlamaShape.of(4, 2, 64, 512, 320, LAYERS, 512), ExportStyle.F16, 7);
    artifact = folder.resolve("m.catena");
    CatenaCommand.run("compile", folder.resolve("model"), "-o", artifact, "--target", "sm_80", "--wbits", 8, "--group-size", 64).succeeded();
  }

  private static StepWork count(ArtifactReader reader, StepShape shape) {
    Manifest.Target target = reader.manifest().target("sm_80");
    return StepWork.of(reader.manifest(), target, new String(reader.bytes(target.ptx()), StandardCharsets.UTF_8), shape);
  }

  /** A step's weights and cache are known from the manifest: so many bytes have to come from memory, and no others. */
  @Test
  void bytesFromMemoryAreWeightsAndCache() {
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      Manifest.Memory memory = reader.manifest().memory();
      Card card = Card.named("NVIDIA H100 80GB HBM3").orElseThrow();
      for (int sequences : new int[] {1, 2}) {
        StepWork step = count(reader, StepShape.decode(sequences, CONTEXT));
        double expected = memory.bytesPerToken() + sequences * (double) CONTEXT * memory.kvBytesPerToken();
        assertEquals(1, step.bytes(card) / expected, 0.01, "bytes of " + sequences + " sequences");
      }
    }
  }

  /** Multiplications of matrices are known from the shape; up to eight rows of one half of x take one tile of eight
   *  columns. Attention has products of its own. */
  @Test
  void productsAreThoseOfTheLayers() {
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      StepWork step = count(reader, StepShape.decode(1, CONTEXT));
      double products = step.launches().stream().filter(l -> l.launch().kernel().contains("linear"))
          .mapToDouble(l -> l.stages().size() * l.work().multiplyAdds()).sum();
      double matrices = LAYERS * (HIDDEN * (4 + 4) * 64.0 + 256 * HIDDEN + 3.0 * 512 * HIDDEN) + 320.0 * HIDDEN;
      assertEquals(matrices * 8, products, 0.01 * products);
    }
  }

  @Test
  void everyLaunchOfTheStepIsThereAndNoneIsFasterThanItsNeeds() {
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      StepWork step = count(reader, StepShape.decode(1, CONTEXT));
      Manifest.Target target = reader.manifest().target("sm_80");
      int launches = target.programs().get(KernelProgram.SAMPLING).buckets().get(0).launches().size();
      for (Manifest.Stage stage : reader.manifest().stages()) {
        launches += target.programs().get(stage.code().get("sm_80").symbol()).buckets().get(0).launches().size();
      }
      assertEquals(launches, step.launchCount());
      for (Card card : Card.known()) {
        for (StepWork.Counted launch : step.launches()) {
          PredictedTime time = PredictedTime.of(launch.work(), card);
          assertTrue(time.seconds() > time.bytes() / card.memory().readBytesPerSecond() + card.boundarySeconds(), launch.launch().kernel());
          assertTrue(time.needs().values().stream().allMatch(s -> s >= 0 && s < time.seconds() + 1e-12), time.toString());
        }
        assertTrue(step.seconds(card) > step.launchCount() * card.boundarySeconds());
      }
    }
  }

  /** As memory is planned in a model: norm + QKV; RoPE + cache + attention; output + residual; norm + gate + up + SwiGLU; down + residual. */
  @ParameterizedTest
  @ValueSource(ints = {1, 8, 16})
  void aLayerIsFiveLaunches(int rows) {
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      Manifest.Target target = reader.manifest().target("sm_80");
      Manifest.Stage decoder = reader.manifest().stages().stream().filter(stage -> stage.role().equals("decoder")).findFirst().orElseThrow();
      List<String> kernels = target.programs().get(decoder.code().get("sm_80").symbol()).buckets().stream().filter(bucket -> bucket.rows() >= rows)
          .findFirst().orElseThrow().launches().stream().map(KernelProgram.Launch::kernel).toList();
      assertEquals(5, kernels.size(), kernels.toString());
    }
  }

  /** The norm in front of a product is computed by each of its blocks, which all read the rows; the first from memory, if at all. */
  @Test
  void everyBlockReadsTheRowsThatItNorms() {
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      StepWork step = count(reader, StepShape.decode(2, CONTEXT));
      int normed = 0;
      for (StepWork.Counted launch : step.launches()) {
        boolean readsRows = launch.launch().kernel().startsWith("norm") && launch.launch().args().contains("input");
        for (KernelWork.Memory memory : launch.work().memories()) {
          if (readsRows && memory.name().equals("input")) {
            assertEquals(2.0 * 4 * HIDDEN * launch.work().blocks(), memory.blockBytes(), launch.launch().kernel());
            assertEquals(2.0 * 4 * HIDDEN, memory.bytes(), launch.launch().kernel());
            normed++;
          }
        }
      }
      assertTrue(normed > 0, () -> step.launches().stream().map(l -> l.launch().kernel() + l.launch().args()).toList().toString());
    }
  }

  /** Without a wish each kernel that the target has is predicted in some step; with one these steps alone. */
  @Test
  void everyKernelIsInAStep() throws IOException {
    JsonNode all = new ObjectMapper().readTree(CatenaCommand.run("inspect", artifact, "--kernels", "--json", "--context", 8).succeeded().out());
    Set<String> predicted = new TreeSet<>();
    for (JsonNode step : all.at("/predictions/0/cards/0/steps")) {
      for (JsonNode launch : step.required("launches")) {
        predicted.add(launch.required("kernel").asText());
        JsonNode needs = launch.required("needs_s");
        double longest = Math.max(Math.max(needs.required("mem").asDouble(), needs.required("issue").asDouble()),
            Math.max(needs.required("mma").asDouble(), needs.required("smem").asDouble()));
        assertEquals(longest + needs.required("start").asDouble(), launch.required("predicted_s").asDouble(), 1e-12, launch.toString());
      }
    }
    Set<String> there = new TreeSet<>();
    all.required("kernels").forEach(kernel -> there.add(kernel.required("name").asText()));
    assertEquals(there, predicted);
    JsonNode wished = new ObjectMapper().readTree(CatenaCommand.run("inspect", artifact, "--kernels", "--json", "--context", 8, "--batch", "3,40")
        .succeeded().out()).at("/predictions/0/cards/0/steps");
    assertEquals(List.of("decode 3", "decode 40"), wished.findValuesAsText("step"));
  }

  /** Longer contexts and more rows take longer, on every card. */
  @Test
  void moreWorkTakesLonger() {
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      StepWork one = count(reader, StepShape.decode(1, 64));
      StepWork deep = count(reader, StepShape.decode(8, 512));
      StepWork prompt = count(reader, StepShape.prefill(256));
      for (Card card : Card.known()) {
        assertTrue(one.seconds(card) < deep.seconds(card), card.name());
        assertTrue(deep.seconds(card) < prompt.seconds(card), card.name());
      }
    }
  }

  @Test
  void inspectSaysThatItIsAPrediction() throws IOException {
    String text = CatenaCommand.run("inspect", artifact, "--kernels", "--counters", "--context", CONTEXT, "--batch", "1,16").succeeded().out();
    assertTrue(text.contains("Predicted, not measured") && text.contains("No constant was fitted"), text);
    assertTrue(text.contains("A100-80GB") && text.contains("decode 16 at context 300") && text.contains("conflicts"), text);
  }

  @Test
  void aMeasuredCardTakesThePlaceOfTheOthers() throws IOException {
    Path card = folder.resolve("card.json");
    Files.writeString(card, "{\"description\": \"NVIDIA A100-SXM4-80GB\", \"read_bytes_per_s\": 1e12, \"graph_launch_s\": 2e-6}");
    JsonNode predictions = new ObjectMapper().readTree(CatenaCommand.run("inspect", artifact, "--kernels", "--json", "--batch", 1, "--card", card)
        .succeeded().out()).required("predictions").get(0);
    assertEquals(1, predictions.required("cards").size());
    JsonNode only = predictions.required("cards").get(0);
    assertEquals("A100-80GB", only.required("card").asText());
    assertEquals(1e12, only.required("read_bytes_per_s").asDouble());
    assertEquals(card.toString(), only.required("measured_constants").asText());
    assertTrue(only.required("steps").get(0).required("predicted_tokens_per_s").asDouble() > 0);
  }

  @Test
  void mistakesAreOneLine() throws IOException {
    Path card = folder.resolve("wrong.json");
    Files.writeString(card, "{\"description\": \"GeForce 256\", \"read_bytes_per_s\": 1e12, \"graph_launch_s\": 2e-6}");
    Path noJson = folder.resolve("no.json");
    Files.writeString(noJson, "reads 1 TB/s");
    Object[][] mistakes = {{"--context", 513, "--kernels"}, {"--batch", "1,257", "--kernels"}, {"--batch", 2}, {"--counters"}, {"--card", card, "--kernels"}, {"--card", noJson, "--kernels"},
        {"--card", folder.resolve("none.json"), "--kernels"}};
    for (Object[] options : mistakes) {
      Object[] all = new Object[options.length + 2];
      all[0] = "inspect";
      all[1] = artifact;
      System.arraycopy(options, 0, all, 2, options.length);
      CommandResult refused = CatenaCommand.run(all);
      assertEquals(2, refused.status(), refused.err());
      assertEquals(1, refused.err().strip().lines().count(), refused.err());
    }
  }
}
