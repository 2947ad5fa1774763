package dev.catena.tests.command;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.runtime.CatenaModel;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code compile --calib} from the command line to the artifact, on a model whose rows of 172 end in a short group: calibrated
 * codes are nearer to the 16-bit model than plain rounding, on the text they were calibrated on.
 */
class CalibratedCompilationTest {
  private static final String TEXT = """
      Mia had a small garden behind the house. Every morning she went out to water the flowers. One day she saw a snail on a
      big green leaf. "Hello, snail," she said. "Are you hungry?" The snail did not answer, but it ate a little of the leaf. Mia
      gave it a piece of lettuce from the kitchen. From then on, the snail came every day, and the flowers were left in peace.
      In the evening her father asked why there was never any lettuce left. Mia laughed and showed him her new friend. They sat
      on the step together until it was dark, and the snail went slowly, slowly home.
      """;

  @TempDir private static Path folder;
  private static Path model;
  private static Path text;
  private static Path half;

  @BeforeAll
  static void write() throws IOException {
    model = folder.resolve("model");
    LlamaModel.write(model, LlamaShape.of(4, 2, 40, 172, 2048, 2, 64), ExportStyle.F32, 41);
    Files.copy(Path.of("../models/tale/tokenizer.json"), model.resolve("tokenizer.json"));
    Files.writeString(model.resolve("config.json"), "{\"bos_token_id\": 0, \"eos_token_id\": 0}");
    text = Files.writeString(folder.resolve("snail.txt"), TEXT);
    half = folder.resolve("half.catena");
    CatenaCommand.run("compile", model, "-o", half, "--wbits", 16).succeeded();
  }

  private static Object[] calibrated(Path out, String method, int bits, int group) {
    return new Object[] {"compile", model, "-o", out, "--wbits", bits, "--group-size", group, "--quant", method, "--calib", text};
  }

  @ParameterizedTest(name = "{0}, {1} bits in groups of {2}")
  @CsvSource({"gptq, 4, 128", "gptq, 2, 32", "awq, 3, 128"})
  void losesLessThanRoundingAndFallsBackNowhere(String method, int bits, int group) throws IOException {
    Path rounded = folder.resolve("rounded.catena");
    Path calibrated = folder.resolve("calibrated.catena");
    CatenaCommand.run("compile", model, "-o", rounded, "--wbits", bits, "--group-size", group, "--scales", "range").succeeded();
    CommandResult result = CatenaCommand.run(calibrated(calibrated, method, bits, group)).succeeded();
    for (String matrix : List.of("decoder_0.qkv", "decoder_0.o", "decoder_1.gate_up", "decoder_1.down")) {
      assertTrue(result.err().contains(matrix), "the table of errors has " + matrix + ":\n" + result.err());
    }
    try (CatenaModel open = CatenaModel.open(calibrated)) {
      open.manifest().stages().stream().flatMap(s -> s.weights().stream())
          .filter(w -> w.layout().startsWith("n16") && w.name().contains("decoder")).forEach(w ->
              assertTrue(w.type().startsWith("quant<u" + bits + ","), w.name() + " is " + w.type()));
    }
    JsonNode scores = new ObjectMapper().readTree(
        CatenaCommand.run("eval", half, rounded, calibrated, "--text", text, "--json").succeeded().out()).get("artifacts");
    double byRange = scores.get(1).get("kl_divergence").doubleValue();
    double byMethod = scores.get(2).get("kl_divergence").doubleValue();
    assertTrue(byMethod < byRange, "KL by range " + byRange + ", by " + method + " " + byMethod);
  }

  @Test
  void whatWasCalibratedIsUsedAgainByTheSameCommandOnly() throws IOException {
    Path whole = folder.resolve("whole.catena");
    CatenaCommand.run(calibrated(whole, "gptq", 4, 32)).succeeded();

    // 400 blocks of 1024 bytes: enough for activations and codes, not for the artifact with its table
    Path cut = folder.resolve("cut.catena");
    Path kept = folder.resolve("cut.catena.calibration");
    CatenaProcess limited = CatenaProcess.in(Path.of("").toAbsolutePath()).with("-XX:-UsePerfData")
        .under("bash", "-c", "ulimit -f 400; exec \"$@\"", "bash");
    assertEquals(1, limited.run(calibrated(cut, "gptq", 4, 32)).status());
    assertTrue(Files.isDirectory(kept) && !Files.exists(cut));
    Path copy = folder.resolve("copy.calibration");
    copy(kept, copy);
    CommandResult again = CatenaCommand.run(calibrated(cut, "gptq", 4, 32)).succeeded();
    assertTrue(again.err().contains("going on after decoder_1") && !again.err().contains("calibrated decoder_"), again.err());
    assertFalse(Files.exists(kept), "the artifact holds it now");
    assertArrayEquals(Files.readAllBytes(whole), Files.readAllBytes(cut));

    Files.delete(cut);
    Files.move(copy, kept);
    CommandResult other = CatenaCommand.run(calibrated(cut, "gptq", 3, 32)).succeeded();
    assertFalse(other.err().contains("going on after"), other.err());
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(from.relativize(file)));
      }
    }
  }

  @Test
  void twoCompilationsOfOneArtifactDoNotMeet() throws IOException {
    Path kept = Files.createDirectory(folder.resolve("busy.catena.calibration"));
    try (FileChannel other = FileChannel.open(kept.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      other.lock();
      CommandResult refused = CatenaCommand.run(calibrated(folder.resolve("busy.catena"), "gptq", 4, 32));
      assertEquals(2, refused.status(), refused.err());
      assertTrue(refused.err().contains("another compilation") && refused.err().contains("-o"), refused.err());
    }
    assertFalse(Files.exists(folder.resolve("busy.catena")));
  }
}
