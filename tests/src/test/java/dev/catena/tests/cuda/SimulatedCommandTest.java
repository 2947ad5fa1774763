package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.FinishReason;
import dev.catena.runtime.GenerationOptions;
import dev.catena.runtime.Request;
import dev.catena.runtime.Scheduler;
import dev.catena.runtime.SchedulerOptions;
import dev.catena.runtime.SessionOptions;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A GPU's options on the command line, on the simulator: the tokens are those that the same artifact's code for the CPU gives, which
 * ONNX Runtime judges in other tests.
 */
class SimulatedCommandTest {
  private static final String PROMPT = "5,6,7,8,9";
  private static final int TOKENS = 6;
  private static final Pattern REFUSAL = Pattern.compile("catena: sim:[01]: the model's part takes .* of weights, (.*) KiB of cache for .* and (.*) KiB of "
      + "activations; there is room for .* \\(--device-memory\\), of which weights that are streamed need (.*) KiB; spread it over more devices, .*");

  @TempDir static Path folder;
  private static Path artifact;
  private static String onCpu;

  @BeforeAll
  static void compile() {
    LlamaModel.write(folder.resolve("model"), LlamaShape.of(4, 2, 16, 96, 105, 4, 256), ExportStyle.F32, 61);
    artifact = compile(4);
    onCpu = run(artifact, "cpu:0").succeeded().out();
    assertEquals(TOKENS, onCpu.strip().split(",").length, onCpu);
  }

  private static Path compile(int bits) {
    Path file = folder.resolve("w" + bits + ".catena");
    CatenaCommand.run("compile", folder.resolve("model"), "-o", file, "--target", "sm_86,cpu", "--wbits", bits, "--group-size", 32, "--activations", "f32",
        "--step-rows", 8).succeeded();
    return file;
  }

  private static CommandResult run(Path file, String device, Object... more) {
    List<Object> arguments = new ArrayList<>(List.of("run", file, "--ids", PROMPT, "--print-ids", "--max-tokens", TOKENS, "--device", device));
    arguments.addAll(List.of(more));
    return CatenaCommand.run(arguments.toArray());
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', nullValues = "-", value = {
    "sim             | -                             | -",
    "sim:0,sim:1     | --split 1,3                   | -",
    "sim:0,sim:0     | --split measured              | sim:0 runs",
    "sim:0           | --cache-max-entry-count 0.8   | -"})
  void optionsChangeNoToken(String device, String option, String said) {
    CommandResult result = run(artifact, device, option == null ? new Object[0] : option.split(" ")).succeeded();
    assertEquals(onCpu, result.out());
    assertTrue(result.err().contains("slower than a GPU"), result.err());
    assertTrue(said == null || result.err().contains(said), result.err());
  }

  /** With less memory than that a run is refused in one line, before anything runs; what the line asks for is enough, and weights pass through it. */
  @ParameterizedTest
  @ValueSource(strings = {"sim:0", "sim:0,sim:1"})
  void weightsThatDontFitChangeNoToken(String device) {
    CommandResult tried = run(artifact, device, "--device-memory", "64KiB");
    for (int gpu = 0; gpu < 2 && tried.status() == 2; gpu++) {      // each GPU asks for its own
      String[] lines = tried.err().strip().split("\n");
      Matcher refusal = REFUSAL.matcher(lines[lines.length - 1]);
      assertTrue(refusal.matches(), tried.err());
      double needed = Double.parseDouble(refusal.group(1)) + Double.parseDouble(refusal.group(2)) + Double.parseDouble(refusal.group(3));
      tried = run(artifact, device, "--device-memory", (long) Math.ceil(needed) + 1 + "KiB");
    }
    assertEquals(onCpu, tried.succeeded().out());
  }

  @Test
  void fewBitsGiveTheCpusTokens() {
    Path file = compile(2);
    assertEquals(run(file, "cpu:0").succeeded().out(), run(file, "sim:0").succeeded().out());
  }

  /** Whatever shares a step, and so in which bucket of rows it is: each request's tokens are those of a run alone. */
  @Test
  void companyChangesNoToken() throws Exception {
    int company = 5;
    int[] prompt = Arrays.stream(PROMPT.split(",")).mapToInt(Integer::parseInt).toArray();
    SchedulerOptions options = SchedulerOptions.defaults().withMaxSequences(company)
        .withSession(SessionOptions.defaults().withThreads(2).withKvCapacity(1024).withDevices(List.of("sim:0")));
    try (CatenaModel model = CatenaModel.open(artifact); Scheduler scheduler = model.newScheduler(options)) {
      List<Request> requests = new ArrayList<>();
      for (int i = 0; i < company; i++) {
        int[] ids = prompt.clone();
        ids[0] += i;      // the first is asked for on its own, too
        requests.add(scheduler.submit(ids, GenerationOptions.greedy().withMaxTokens(TOKENS).withIgnoreEos(true)));
      }
      for (Request request : requests) {
        assertEquals(FinishReason.LENGTH, request.await(), () -> "" + request.failure());
      }
      assertEquals(onCpu.strip(), Arrays.stream(requests.get(0).tokens()).mapToObj(String::valueOf).collect(Collectors.joining(",")));
    }
  }

  @Test
  void aBatchIsMeasured() throws Exception {
    JsonNode measured = new ObjectMapper().readTree(CatenaCommand.run("bench", artifact, "--device", "sim:0", "--prompt-len", 2, "--gen-len", 1, "--repeat", 3,
        "--batch", 3, "--json").succeeded().out());
    assertEquals(3, measured.required("batch").asInt());
    assertTrue(measured.required("batch_decode_tokens_per_s").asDouble() > 0, measured.toString());
  }
}
