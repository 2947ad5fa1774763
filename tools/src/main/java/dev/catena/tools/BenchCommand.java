package dev.catena.tools;

import dev.catena.artifact.Manifest;
import dev.catena.runtime.CatenaModel;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code catena bench}: how fast a model reads and writes, beside what this machine's memory allows. */
@Command(name = "bench", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Measure a compiled model's speed on this machine.")
final class BenchCommand implements Callable<Integer> {
  private static final int FEWEST_REPETITIONS = 3;

  @Parameters(index = "0", paramLabel = "FILE.catena", description = "The artifact.")
  private Path file;

  @Option(names = "--prompt-len", defaultValue = "512", paramLabel = "N",
      description = "Tokens of the prompt. Default: ${DEFAULT-VALUE}")
  private int promptLength;

  @Option(names = "--gen-len", defaultValue = "64", paramLabel = "N",
      description = "Tokens generated after it. Default: ${DEFAULT-VALUE}")
  private int generatedLength;

  @Option(names = "--repeat", defaultValue = "5", paramLabel = "N",
      description = "Repetitions, of which the medians count; at least 3. Default: ${DEFAULT-VALUE}")
  private int repetitions;

  @Option(names = "--batch", defaultValue = "1", paramLabel = "N",
      description = "Also let N sequences decode together. Default: ${DEFAULT-VALUE}, which measures no batch")
  private int batch;

  @Option(names = "--decode", split = ",", paramLabel = "BATCHxCONTEXT",
      description = "Measure only decode steps, on a GPU: of so many sequences with so many positions each, such as 16x4096. --gen-len steps "
          + "are one repetition")
  private List<String> decode = List.of();

  @Option(names = "--launches", description = "With --decode: measure each kernel by itself, too.")
  private boolean byLaunch;

  @Mixin
  private DeviceOptions devices;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() throws InterruptedException {
    requireAtLeast("--prompt-len", promptLength, 1);
    requireAtLeast("--gen-len", generatedLength, 1);
    requireAtLeast("--repeat", repetitions, FEWEST_REPETITIONS);
    requireAtLeast("--batch", batch, 1);
    if (!decode.isEmpty()) {
      measureDecoding(decode.stream().map(DecodeBenchmark.Cell::parse).toList());
      return 0;
    }
    int threads = devices.threads();
    double others = OtherProcesses.coresNow();
    if (others > OtherProcesses.IDLE) {
      Console.warn(String.format(Locale.ROOT, "this machine is not idle: other processes use %.2f cores; measure again when they don't",
          others));
    }
    try (CatenaModel model = CatenaModel.open(file)) {
      clampTo(model.manifest().model());
      int rows = model.manifest().memory().maxRows();
      if (batch > rows) {
        throw new UserError("--batch " + batch + ": " + file + " has steps of at most " + rows + " rows");
      }
      Console.note("settings: target = " + model.target(devices.devices()) + ", " + devices.described() + ", prompt-len = " + promptLength
          + ", gen-len = " + generatedLength + ", repeat = " + repetitions + (batch > 1 ? ", batch = " + batch : ""));
      BenchResult result = new Benchmark(model, devices.session(model, promptLength + generatedLength), threads)
          .run(promptLength, generatedLength, repetitions, batch, others);
      System.out.print(json ? Json.text(result.json()) : result.text());
    }
    return 0;
  }

  private void measureDecoding(List<DecodeBenchmark.Cell> cells) {
    if (!devices.devices().stream().allMatch(GpuBandwidth::isGpu)) {
      throw new UserError("--decode: measures GPUs; name one with --device");
    }
    try (CatenaModel model = CatenaModel.open(file)) {
      Map<String, Object> result = new DecodeBenchmark(model, devices.session(model, 0), generatedLength, repetitions, byLaunch).run(cells);
      System.out.print(json ? Json.text(result) : DecodeBenchmark.text(result));
    }
  }

  private void clampTo(Manifest.Model model) {
    int context = model.maxSeqLen();
    if (context < 2) {
      throw new UserError(file + ": has a context of " + context + ", too short to be measured");
    }
    if ((long) promptLength + generatedLength > context) {
      generatedLength = Math.min(generatedLength, Math.max(1, context / 2));
      promptLength = Math.min(promptLength, context - generatedLength);
      Console.note("the context has " + context + " positions: measuring with a prompt of " + promptLength + " and "
          + generatedLength + " generated tokens");
    }
  }

  private static void requireAtLeast(String option, int value, int least) {
    if (value < least) {
      throw new UserError(option + " " + value + ": must be at least " + least);
    }
  }
}
