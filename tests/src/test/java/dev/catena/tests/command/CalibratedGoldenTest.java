package dev.catena.tests.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What each method makes of one small decoder, beside files that a person has read: the module before {@code quantize} and after
 * it, and the table of errors. {@code -Dbless} rewrites the files. Rows of 40 end in a group of 8.
 */
class CalibratedGoldenTest {
  private static final Path GOLDEN = Path.of("src/test/resources/dev/catena/tests/calibration");
  private static final Pattern REAL = Pattern.compile("-?\\d+\\.\\d+(?:E-?\\d+)?");
  /** Products are summed in the order of the machine's vectors; a code that tips by it changes what follows in so small a model by a tenth. */
  private static final double TOLERANCE = 0.12;
  private static final String TEXT = "The cat sat by the window and looked at the rain. It did not want to go out.";

  @TempDir private static Path folder;
  private static Path model;
  private static Path text;

  @BeforeAll
  static void write() throws IOException {
    model = folder.resolve("model");
    LlamaModel.write(model, LlamaShape.of(2, 1, 16, 40, 2048, 1, 64), ExportStyle.F32, 12);
    Files.copy(Path.of("../models/tale/tokenizer.json"), model.resolve("tokenizer.json"));
    Files.writeString(model.resolve("config.json"), "{\"bos_token_id\": 0, \"eos_token_id\": 0}");
    text = Files.writeString(folder.resolve("cat.txt"), TEXT);
  }

  @ParameterizedTest
  @ValueSource(strings = {"rtn", "gptq", "awq"})
  void moduleAndReportAreAsWasRead(String method) throws IOException {
    Path dumps = folder.resolve(method);
    Stream<Object> options = Stream.of("compile", model, "-o", folder.resolve(method + ".catena"), "--wbits", 4, "--group-size", 16,
        "--quant", method, "--dump-dir", dumps);
    Object[] all = (method.equals("rtn") ? options : Stream.concat(options, Stream.of("--calib", text))).toArray();
    String report = CatenaCommand.run(all).succeeded().err();
    compare("before.cir", dump(dumps, "name"));
    compare(method + ".cir", dump(dumps, "quantize"));
    compare(method + ".txt", report.lines().filter(l -> l.matches(".*(decoder_0\\.|error by range|not quantized).*"))
        .collect(Collectors.joining("\n", "", "\n")));
  }

  private static String dump(Path folder, String pass) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(f -> f.toString().endsWith("-" + pass + ".cir")).map(CalibratedGoldenTest::read).findFirst().orElseThrow()
          .replaceAll(" sha256 \\w+", ""); // of codes, which a machine with other vectors may choose differently here and there
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void compare(String name, String found) throws IOException {
    Path golden = GOLDEN.resolve(name);
    if (System.getProperty("bless") != null) {
      Files.writeString(golden, found);
    }
    assertTrue(Files.exists(golden), golden + " isn't there; -Dbless writes it");
    String expected = Files.readString(golden);
    assertEquals(REAL.matcher(expected).replaceAll("#"), REAL.matcher(found).replaceAll("#"), name);
    List<Double> then = reals(expected);
    List<Double> now = reals(found);
    for (int i = 0; i < then.size(); i++) {
      assertEquals(then.get(i), now.get(i), TOLERANCE * Math.abs(then.get(i)), name + ", number " + i);
    }
  }

  private static List<Double> reals(String text) {
    return REAL.matcher(text).results().map(m -> Double.valueOf(m.group())).toList();
  }
}
