package dev.catena.tools;

import dev.catena.artifact.Manifest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code catena eval}: how well compiled models predict a text, and what each of them costs. */
@Command(name = "eval", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Measure how well compiled models predict a text; several are compared to the first.")
final class EvalCommand implements Callable<Integer> {
  private static final int LARGEST_TEXT = 256 << 20;
  private static final int BENCH_PROMPT = 256;
  private static final int BENCH_GENERATED = 32;
  private static final int BENCH_REPETITIONS = 3;

  @Parameters(index = "0", arity = "1..*", paramLabel = "FILE.catena", description = "Artifacts with the same tokenizer.")
  private List<Path> files;

  @Option(names = "--text", required = true, paramLabel = "FILE", description = "The text, in UTF-8.")
  private Path text;

  @Option(names = "--window", defaultValue = "512", paramLabel = "N",
      description = "Tokens that are read together, cut to the context. Default: ${DEFAULT-VALUE}")
  private int window;

  @Option(names = "--stride", paramLabel = "N",
      description = "From one window's start to the next one's. Default: the window, so that none is read twice")
  private Integer stride;

  @Option(names = "--plot", paramLabel = "FILE.svg", description = "Draw weights against perplexity.")
  private Path plot;

  @Mixin
  private DeviceOptions devices;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    if (window < 2) {
      throw new UserError("--window " + window + ": must be at least 2");
    }
    OutputFile drawing = plot == null ? null : new OutputFile(plot, "--plot");
    devices.threads();
    String content = readText();
    List<OpenModel> models = new ArrayList<>();
    try {
      for (Path file : files) {
        models.add(OpenModel.open(file, true));
        requireAlike(models.get(0), models.get(models.size() - 1), file);
      }
      List<EvalResult> results = evaluate(models, content);
      if (drawing != null) {
        drawing.write(new SizePlot(results).svg());
      }
      System.out.print(json ? Json.text(json(results)) : table(results));
    } finally {
      models.forEach(OpenModel::close);
    }
    return 0;
  }

  private String readText() throws IOException {
    if (Files.isDirectory(text)) {
      throw new UserError("--text " + text + ": is a folder; name a text file");
    }
    if (Files.size(text) > LARGEST_TEXT) {
      throw new UserError("--text " + text + ": has more than " + (LARGEST_TEXT >> 20) + " MiB; evaluate a part of it");
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(Files.readAllBytes(text))).toString();
    } catch (CharacterCodingException e) {
      throw new UserError("--text " + text + ": is not in UTF-8");
    }
  }

  private static void requireAlike(OpenModel first, OpenModel other, Path file) {
    if (other.facts().vocab() != first.facts().vocab()) {
      throw new UserError(file + ": has a vocabulary of " + other.facts().vocab() + ", the first artifact one of "
          + first.facts().vocab() + "; only models with one tokenizer can be compared");
    }
    other.requireTokenizer();
  }

  private List<EvalResult> evaluate(List<OpenModel> models, String content) {
    Manifest.Model facts = models.get(0).facts();
    int positions = Math.min(window, models.stream().mapToInt(m -> m.facts().maxSeqLen()).min().orElseThrow());
    if (positions < window) {
      Console.note("the context has " + positions + " positions: windows of " + positions + " tokens");
    }
    int step = stride == null ? positions : stride;
    if (step < 1 || step > positions) {
      throw new UserError("--stride " + step + ": must be from 1 to the window, " + positions);
    }
    int[] ids = models.get(0).requireTokenizer().encode(content);
    Integer start = facts.bos() != null ? facts.bos() : facts.eos().isEmpty() ? null : facts.eos().get(0);
    if (facts.bos() == null) {
      Console.note(start == null ? "the model has no BOS: a window's first token is not scored"
          : "the model has no BOS: windows start with " + start + ", which ends texts");
    }
    List<TextWindows.Window> windows = TextWindows.of(ids, start, positions, step);
    if (windows.isEmpty()) {
      throw new UserError("--text " + text + ": has no tokens to score");
    }
    Console.note("settings: target = " + models.get(0).model().target(devices.devices()) + ", " + devices.described() + ", window = " + positions
        + ", stride = " + step + ", tokens = " + ids.length);
    List<Long> sessionBytes = new ArrayList<>();
    List<TextScore> scores = new Evaluation(models, devices, positions).run(windows, sessionBytes);
    long textBytes = content.getBytes(StandardCharsets.UTF_8).length;
    List<EvalResult> results = new ArrayList<>();
    for (int i = 0; i < models.size(); i++) {
      long weights = models.get(i).model().manifest().memory().weightsBytes();
      results.add(new EvalResult(files.get(i), scores.get(i), textBytes, weights, weights + sessionBytes.get(i),
          speed(models.get(i))));
    }
    return results;
  }

  private Benchmark.Speed speed(OpenModel model) {
    int context = model.facts().maxSeqLen();
    int generated = Math.max(1, Math.min(BENCH_GENERATED, context / 2));
    int prompt = Math.max(1, Math.min(BENCH_PROMPT, context - generated));
    return new Benchmark(model.model(), devices.session(model.model(), Math.min(context, prompt + generated)), devices.threads())
        .speed(prompt, generated, BENCH_REPETITIONS);
  }

  private static String table(List<EvalResult> results) {
    TextTable table = EvalResult.table();
    results.forEach(r -> r.row(table, results.get(0)));
    return table.text();
  }

  private static Map<String, Object> json(List<EvalResult> results) {
    List<Map<String, Object>> all = results.stream().map(r -> r.json(results.get(0))).toList();
    return all.size() == 1 ? all.get(0) : Map.of("artifacts", all);
  }
}
