package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.KernelProgram;
import dev.catena.codegen.LinearPacker;
import dev.catena.codegen.MatrixType;
import dev.catena.sim.machine.ExecutionUnit;
import dev.catena.sim.timing.Card;
import dev.catena.sim.timing.KernelWork;
import dev.catena.sim.timing.PredictedTime;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** From a pack, made without a GPU, over measuring (here by counting instructions) to an artifact with tuned kernels. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TuneTest {
  private static final String SHAPE = "layers = 3\nhidden = 32\nffn = 40\nheads = 2\nkv_heads = 1\nvocabulary = 50\npositions = 64\nrope_theta = 10000\n";

  @TempDir static Path folder;
  private Path pack;
  private String made;

  @BeforeAll
  void makePack() throws IOException {
    Files.writeString(folder.resolve("tiny.shape"), SHAPE);
    pack = folder.resolve("tiny.pack");
    made = CatenaCommand.run("tune", "--make-pack", pack, folder.resolve("tiny.shape"), "--target", "sm_86", "--wbits", 4, "--rows", 1,
        "--configurations", 2, "--ptx").succeeded().out();
  }

  private CommandResult tune(Path of, String name) {
    return CatenaCommand.run("tune", "--pack", of, "--device", "sim:0", "--budget", "600s", "--results", folder.resolve(name + ".results"), "-o",
        folder.resolve(name + ".tuned"));
  }

  /** A process that ends anywhere leaves what it found, maybe with half a line; the next one goes on to the same end. */
  @Test
  void tuningGoesOnWhereItBrokeOff() throws IOException {
    CommandResult whole = tune(pack, "whole").succeeded();
    assertTrue(whole.out().startsWith("5 of 5 kernels tuned"), whole.out());
    String table = Files.readString(folder.resolve("whole.tuned"));
    assertEquals(5, table.lines().filter(line -> line.matches("\\w+ = \\w+ \\d+_instructions standard \\d+_instructions")).count(), table);
    String log = Files.readString(folder.resolve("whole.results"));
    int cut = log.indexOf("chosen", log.length() / 2) + 3;
    Files.writeString(folder.resolve("cut.results"), log.substring(0, cut));
    tune(pack, "cut").succeeded();
    assertEquals(table, Files.readString(folder.resolve("cut.tuned")));
    assertEquals(log, Files.readString(folder.resolve("cut.results")), "nothing was done twice");
  }

  /** Cut off behind "begun": that candidate may have brought the card down, and isn't tried again. */
  @Test
  void aCandidateThatEndedTheProcessIsLeftOut() throws IOException {
    tune(pack, "first").succeeded();
    String log = Files.readString(folder.resolve("first.results"));
    int second = log.indexOf(" begun", log.indexOf(" begun") + 1);
    Files.writeString(folder.resolve("crashed.results"), log.substring(0, log.indexOf('\n', second) + 1));
    CommandResult result = tune(pack, "crashed").succeeded();
    assertTrue(result.err().contains("the process ended while it was checked"), result.err());
  }

  /** What is taken untuned is there, and of each candidate what the simulator counted: the codes, once, and no more than the matrix has. */
  @Test
  void thePackHoldsWhatItsCandidatesDo() throws IOException {
    assertTrue(made.contains("RTX 3090 would be busy for"), made);
    ObjectMapper json = new ObjectMapper().setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE);
    Path bare = folder.resolve("bare.pack");
    Files.copy(pack, bare);
    try (FileSystem zip = FileSystems.newFileSystem(bare, Map.of())) {
      JsonNode tree = json.readTree(Files.readAllBytes(zip.getPath("pack.json")));
      for (JsonNode each : tree.get("cases")) {
        JsonNode m = each.get("matrix");
        MatrixType type = MatrixType.quantized(m.get("outputs").asInt(), m.get("inputs").asInt(), m.get("element").asText().equals("U8") ? 8 : 4,
            m.get("group").asInt(), m.get("symmetric").asBoolean());
        assertEquals(each.get("standard").asText(), each.get("candidates").get(0).get("configuration").asText());
        for (JsonNode candidate : each.get("candidates")) {
          KernelWork work = json.treeToValue(candidate.get("work").get(0), KernelWork.class);
          List<Integer> units = new ArrayList<>();
          candidate.get("work").get(0).get("slots").fieldNames().forEachRemaining(unit -> units.add(ExecutionUnit.valueOf(unit).ordinal()));
          assertEquals(units.stream().sorted().toList(), units, "the same bytes from every process, or results would be another pack's");
          double read = work.memories().stream().filter(memory -> memory.name().equals("weight:0")).mapToDouble(KernelWork.Memory::bytes).sum();
          double codes = (double) type.rows() * type.columns() * type.element().bits() / 8;
          assertTrue(read > 0.9 * codes && read <= LinearPacker.packedBytes(type), read + " bytes of " + type);
          assertTrue(work.registers() > 0 && work.bytesUnderWay() > 0, work.toString());
          // Less under way can't be faster, and what is enough for a card costs nothing.
          for (Card card : Card.known()) {
            double before = Double.POSITIVE_INFINITY;
            for (long underWay : new long[] {16, 512, 4096, 1 << 20}) {
              double seconds = PredictedTime.of(underWay(work, underWay), card).seconds();
              assertTrue(seconds <= before && seconds >= PredictedTime.of(underWay(work, 0), card).seconds(), card.name());
              before = seconds;
            }
            assertEquals(PredictedTime.of(underWay(work, 0), card).seconds(), before, card.name());
          }
        }
        ((ObjectNode) each).putNull("ptx");
      }
      Files.write(zip.getPath("pack.json"), json.writeValueAsBytes(tree));
    }
    CommandResult refused = tune(bare, "bare");
    assertEquals(2, refused.status());
    assertTrue(refused.err().contains("make a pack with --ptx"), refused.err());
  }

  private static KernelWork underWay(KernelWork w, long bytes) {
    return new KernelWork(w.kernel(), w.blocks(), w.threads(), w.registers(), w.sharedBytes(), w.busyBlocks(), w.slots(), w.wavefronts(),
        w.multiplyAdds(), w.memories(), bytes);
  }

  @Test
  void resultsOfAnotherPackAreRefused() throws IOException {
    Files.writeString(folder.resolve("other.results"), "# catena tune, something else\n");
    CommandResult refused = tune(pack, "other");
    assertEquals(2, refused.status());
    assertTrue(refused.err().contains("holds results of something else"), refused.err());
  }

  /** A candidate that computes only a part of the outputs never becomes a choice, however fast it is. */
  @Test
  void aWrongCandidateIsLeftOut() throws IOException {
    Path bad = folder.resolve("bad.pack");
    Files.copy(pack, bad);
    ObjectMapper json = new ObjectMapper();
    String kernel;
    String configuration;
    try (FileSystem zip = FileSystems.newFileSystem(bad, Map.of())) {
      Path content = zip.getPath("pack.json");
      JsonNode tree = json.readTree(Files.readAllBytes(content));
      JsonNode first = tree.get("cases").get(0);
      kernel = first.get("kernel").asText();
      JsonNode candidate = first.get("candidates").get(1);
      configuration = candidate.get("configuration").asText();
      ArrayNode grid = (ArrayNode) candidate.get("launches").get(0).get("grid");
      assertTrue(grid.get(0).asInt() > 1);
      grid.set(0, 1);
      Files.write(content, json.writeValueAsBytes(tree));
    }
    CommandResult result = tune(bad, "bad").succeeded();
    assertTrue(result.err().contains(kernel + " as " + configuration + ": its result is wrong"), result.err());
    assertFalse(Files.readString(folder.resolve("bad.tuned")).contains(kernel + " = " + configuration));
  }

  @Test
  void whatIsNoPack() throws IOException {
    Files.writeString(folder.resolve("no.pack"), "hello");
    CommandResult refused = tune(folder.resolve("no.pack"), "no");
    assertEquals(2, refused.status());
    assertTrue(refused.err().contains("no.pack: is no tune pack"), refused.err());
    Path beyond = folder.resolve("beyond.pack");
    Files.copy(pack, beyond);
    try (FileSystem zip = FileSystems.newFileSystem(beyond, Map.of())) {
      String text = Files.readString(zip.getPath("pack.json"));
      Files.writeString(zip.getPath("pack.json"), text.replaceFirst("\"weight:0\"", "\"weight:7\""));
    }
    CommandResult outside = tune(beyond, "beyond");
    assertEquals(2, outside.status());
    assertTrue(outside.err().contains("given 'weight:7', which isn't there"), outside.err());
  }

  /** What a table says is what the artifact has, and it computes what the CPU does. */
  @Test
  void anArtifactIsCompiledAsTheTableSays() throws IOException {
    LlamaModel.write(folder.resolve("model"), LlamaShape.of(2, 1, 16, 40, 50, 1, 32), ExportStyle.F32, 9);
    String kernel = null;      // the shape's, which this model has, too
    try (FileSystem zip = FileSystems.newFileSystem(pack, Map.of())) {
      for (JsonNode each : new ObjectMapper().readTree(Files.readAllBytes(zip.getPath("pack.json"))).get("cases")) {
        kernel = each.get("kernel").asText().endsWith("_residual_tokens4") ? each.get("kernel").asText() : kernel;
      }
    }
    Files.writeString(folder.resolve("card.tuned"), "# a card\n" + kernel + " = tokens_w4_f8_r3 1.0_us\n");
    Path tuned = folder.resolve("tuned.catena");
    CommandResult compiled = CatenaCommand.run("compile", folder.resolve("model"), "-o", tuned, "--wbits", 4, "--target", "sm_86,cpu", "--step-rows", 8,
        "--tuned", folder.resolve("card.tuned")).succeeded();
    assertTrue(compiled.err().contains("tuned_sm_86 = card.tuned"), compiled.err());
    try (ArtifactReader reader = ArtifactReader.open(tuned)) {
      List<String> kernels = reader.manifest().target("sm_86").kernels().stream().map(KernelProgram.Kernel::name).toList();
      assertTrue(kernels.contains(kernel + "_tokens_w4_f8_r3") && !kernels.contains(kernel), kernels.toString());
      String ptx = new String(reader.bytes(reader.manifest().target("sm_86").ptx()), StandardCharsets.UTF_8);
      assertTrue(ptx.contains(".entry " + kernel + "_tokens_w4_f8_r3("), "the PTX is that of the same kernels");
    }
    String[] ids = new String[2];
    for (int i = 0; i < 2; i++) {
      ids[i] = CatenaCommand.run("run", tuned, "--device", i == 0 ? "cpu:0" : "sim:0", "--ids", "3,4,5", "--max-tokens", 4, "--print-ids").succeeded().out();
    }
    assertEquals(ids[0], ids[1]);
  }
}
