package dev.catena.tools;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.CatenaException;
import dev.catena.artifact.Manifest;
import dev.catena.ir.IrException;
import dev.catena.ir.Module;
import dev.catena.sim.timing.Card;
import dev.catena.tools.page.ModelPage;
import dev.catena.tools.page.ModelPage.Fact;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What {@code inspect} says about an artifact. Runs none of its code, so the target may be another machine's. */
final class ArtifactInspection implements Inspection {
  private static final Pattern SOURCE = Pattern.compile("\\.(c|cu|h|cuh|ptx)$");

  private static final String NO_PREDICTION = "no prediction, the simulator refuses: ";

  private final ArtifactReader reader;
  private final ArtifactIr ir;
  private final Manifest manifest;

  private ArtifactInspection(ArtifactReader reader) {
    this.reader = reader;
    this.ir = new ArtifactIr(reader);
    this.manifest = reader.manifest();
  }

  static Inspection of(Path file, boolean verify) {
    ArtifactReader reader = verify ? ArtifactReader.openVerified(file) : ArtifactReader.open(file);
    return reader.isGraph() ? new GraphInspection(reader) : new ArtifactInspection(reader);
  }

  @Override
  public String summary() {
    Manifest.Model m = manifest.model();
    StringBuilder s = new StringBuilder();
    s.append("model       ").append(m.name()).append(": ").append(m.layers()).append(" layers of ").append(m.hidden())
        .append(", vocabulary ").append(m.vocab()).append(", context ").append(m.maxSeqLen()).append('\n');
    s.append("tokens      BOS ").append(m.bos() == null ? "none" : m.bos().toString())
        .append(m.addBos() ? " (put before a prompt)" : "").append(", EOS ")
        .append(m.eos().isEmpty() ? "none" : m.eos().stream().map(String::valueOf).collect(Collectors.joining(", ")))
        .append(reader.contains("tokenizer.json") ? "" : "; no tokenizer: takes and gives ids only").append('\n');
    s.append("settings    ").append(manifest.settings().entrySet().stream().map(e -> e.getKey() + " = " + e.getValue())
        .collect(Collectors.joining(", "))).append('\n');
    s.append("format      ").append(manifest.format()).append(", written by Catena ").append(manifest.compiler())
        .append('\n');
    for (Manifest.Target t : manifest.targets()) {
      s.append("target      ").append(t.name()).append(t.runsPrograms() ? " (" + t.kernels().size() + " kernels)"
          : " (" + String.join(", ", t.features()) + ")").append('\n');
    }
    s.append("passes      ").append(String.join(", ", ir.passes())).append("\n\n");
    s.append(stageTable()).append('\n').append(weightTable()).append('\n');
    s.append(OperationCounts.text("operation after merge", manifest.operations()));
    String layers = layers().map(LayerTable::text).orElse("");
    return s.append(layers.isEmpty() ? "" : "\n" + layers).toString();
  }

  /** Empty where the module after {@code merge} isn't there: of a pipeline without it, or of another version. */
  private Optional<LayerTable> layers() {
    try {
      return ir.passes().stream().anyMatch(p -> p.matches("[0-9]+-merge")) ? Optional.of(new LayerTable(module("merge")))
          : Optional.empty();
    } catch (IrException e) {
      Console.warn(reader.path() + ": no table of layers: " + e.getMessage().lines().findFirst().orElse(""));
      return Optional.empty();
    }
  }

  private String stageTable() {
    TextTable table = new TextTable("stage", "role", "input", "output", "cache", "weights", "code");
    for (Runs.Run<Manifest.Stage> run : Runs.of(manifest.stages(), ArtifactInspection::alike)) {
      Manifest.Stage s = run.first();
      table.row(run.name(Manifest.Stage::name) + (run.members().size() > 1 ? " (" + run.members().size() + " alike)" : ""),
          s.role(), port(s.input()), port(s.output()), cache(s.kv()), Bytes.text(weightBytes(s)), symbol(s));
    }
    return table.text();
  }

  private static boolean alike(Manifest.Stage a, Manifest.Stage b) {
    return a.role().equals(b.role()) && a.input().equals(b.input()) && a.output().equals(b.output())
        && a.code().equals(b.code()) && weightBytes(a) == weightBytes(b);
  }

  private static String port(Manifest.Port port) {
    return port.kind().equals("tokens") ? "tokens" : port.kind() + " × " + port.width();
  }

  private static String cache(Manifest.Kv kv) {
    return kv == null ? "-" : kv.heads() + " × " + kv.dim() + " " + kv.k() + (kv.k().equals(kv.v()) ? "" : "/" + kv.v());
  }

  private static String symbol(Manifest.Stage stage) {
    return stage.code().values().stream().map(Manifest.Code::symbol).distinct().collect(Collectors.joining(", "));
  }

  private static long weightBytes(Manifest.Stage stage) {
    return stage.weights().stream().mapToLong(Manifest.Weight::bytes).sum();
  }

  /** Weights by storage; the shape at a type's end is left out. One that several stages share counts once. */
  private String weightTable() {
    Map<String, long[]> byType = new TreeMap<>();
    Set<String> seen = new HashSet<>();
    for (Manifest.Stage stage : manifest.stages()) {
      for (Manifest.Weight w : stage.weights()) {
        if (seen.add(w.entry())) {
          long[] sum = byType.computeIfAbsent(storage(w.type()), t -> new long[2]);
          sum[0]++;
          sum[1] += w.bytes();
        }
      }
    }
    TextTable table = new TextTable("weights", "count", "bytes");
    byType.forEach((type, sum) -> table.row(type, sum[0], Bytes.text(sum[1])));
    table.row("all", seen.size(), Bytes.text(manifest.memory().weightsBytes()));
    return table.text();
  }

  private static String storage(String type) {
    int shape = type.lastIndexOf(", [");
    return shape < 0 ? type : type.substring(0, shape) + ">";
  }

  @Override
  public String ir(String pass) {
    return ir.text(pass);
  }

  @Override
  public Module module(String pass) {
    return ir.module(pass);
  }

  @Override
  public String kernels(PredictionOptions prediction) {
    List<Card> cards = prediction.cards();
    StringBuilder s = new StringBuilder();
    for (Manifest.Target target : manifest.targets()) {
      List<KernelFacts> kernels = KernelFacts.of(manifest).stream().filter(k -> k.target().equals(target.name())).toList();
      if (target.runsPrograms()) {
        s.append("/* target ").append(target.name()).append(": ").append(target.programs().size())
            .append(" programs. Launches: grid x block for steps of up to so many rows\n");
        s.append((launchTable(kernels) + "\n" + forecast(target, prediction, cards)).replaceAll("(?m)^(?=.)", "   ").stripTrailing())
            .append(" */\n");
      } else {
        s.append("// target ").append(target.name()).append(": ").append(kernels.stream()
            .map(k -> k.name() + " runs " + String.join(", ", k.stages())).collect(Collectors.joining("; "))).append('\n');
      }
      s.append(source(target));
    }
    return s.toString();
  }

  private Forecast forecastOf(Manifest.Target target, PredictionOptions prediction, List<Card> cards) {
    return Forecast.of(manifest, target, reader.bytes(target.ptx()), prediction.contextOf(manifest.model().maxSeqLen()),
        prediction.batchesOf(manifest.memory().maxRows()), cards);
  }

  /** Of the same kernels made the other way, where that was asked for and the architecture has another. */
  private Optional<Forecast> forecastBeside(Manifest.Target target, PredictionOptions prediction, List<Card> cards) {
    return !prediction.besideExperimental() || !OtherKernels.has(target) ? Optional.empty()
        : Optional.of(OtherKernels.of(manifest, module(""), target).forecast(prediction.contextOf(manifest.model().maxSeqLen()),
            prediction.batchesOf(manifest.memory().maxRows()), cards));
  }

  private String forecast(Manifest.Target target, PredictionOptions prediction, List<Card> cards) {
    try {
      Forecast forecast = forecastOf(target, prediction, cards);
      return ForecastText.times(forecast) + forecastBeside(target, prediction, cards).map(other -> ForecastText.beside(forecast, other,
          OtherKernels.isExperimental(manifest))).orElse("") + (prediction.counters() ? ForecastText.counters(forecast) : "");
    } catch (CatenaException | IllegalArgumentException e) {      // of a file that the compiler didn't write
      return NO_PREDICTION + e.getMessage();
    }
  }

  private Map<String, Object> forecastJson(Manifest.Target target, PredictionOptions prediction, List<Card> cards) {
    try {
      Map<String, Object> json = forecastOf(target, prediction, cards).json();
      json.put("experimental", OtherKernels.isExperimental(manifest));
      forecastBeside(target, prediction, cards).ifPresent(other -> json.put("other_way", other.json()));
      return json;
    } catch (CatenaException | IllegalArgumentException e) {
      return Map.of("target", target.name(), "problem", NO_PREDICTION + e.getMessage());
    }
  }

  private static String launchTable(List<KernelFacts> kernels) {
    TextTable table = new TextTable("kernel", "registers", "shared", "spills", "launches");
    for (KernelFacts k : kernels) {
      KernelFacts.Launch first = k.launches().get(0);
      KernelFacts.Launch last = k.launches().get(k.launches().size() - 1);
      table.row(k.name(), k.registers(), k.sharedBytes(), k.spillBytes(),
          first.equals(last) ? first.text() : first.text() + " … " + last.text());
    }
    return table.text();
  }

  private String source(Manifest.Target target) {
    String entry = "code/" + target.name() + (target.runsPrograms() ? "/model.cu" : "/model.c");
    return reader.contains(entry) ? text(entry) : "// no source in this artifact\n";
  }

  private String text(String entry) {
    String text = new String(reader.bytes(entry), StandardCharsets.UTF_8);
    return text.endsWith("\n") ? text : text + "\n";
  }

  @Override
  public String memory() {
    return new MemoryPlan(manifest).text();
  }

  @Override
  public String verified() {
    long bytes = manifest.entries().values().stream().mapToLong(Manifest.Entry::bytes).sum();
    return "verified    " + manifest.entries().size() + " entries, " + Bytes.text(bytes) + ": all as written\n";
  }

  @Override
  public Map<String, Object> json(String pass, PredictionOptions prediction) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("format", manifest.format());
    json.put("compiler", manifest.compiler());
    json.put("model", modelJson());
    json.put("settings", manifest.settings());
    json.put("targets", manifest.targets().stream().map(t -> Map.of("name", t.name(), "features", t.features())).toList());
    json.put("passes", ir.passes());
    json.put("stages", manifest.stages().stream().map(ArtifactInspection::stageJson).toList());
    json.put("operations", manifest.operations());
    json.put("layers", layers().map(LayerTable::json).orElse(List.of()));
    json.put("kernels", KernelFacts.of(manifest).stream().map(KernelFacts::json).toList());
    json.put("memory", new MemoryPlan(manifest).json());
    if (pass != null) {
      json.put("ir", ir(pass));
    }
    if (prediction != null) {
      List<Card> cards = prediction.cards();
      json.put("predictions", manifest.targets().stream().filter(Manifest.Target::runsPrograms)
          .map(t -> forecastJson(t, prediction, cards)).toList());
      Map<String, Object> sources = new LinkedHashMap<>();
      manifest.targets().forEach(t -> sources.put(t.name(), source(t)));
      json.put("sources", sources);
    }
    return json;
  }

  @Override
  public ModelPage page() {
    Manifest.Model m = manifest.model();
    Manifest.Memory memory = manifest.memory();
    List<Fact> facts = new ArrayList<>(List.of(new Fact("context", m.maxSeqLen() + " positions"),
        new Fact("BOS", (m.bos() == null ? "none" : m.bos().toString()) + (m.addBos() ? ", put before a prompt" : "")),
        new Fact("EOS", m.eos().isEmpty() ? "none" : m.eos().stream().map(String::valueOf).collect(Collectors.joining(", "))),
        new Fact("tokenizer", reader.contains("tokenizer.json") ? "in the artifact" : "none: takes and gives ids only"),
        new Fact("format", String.valueOf(manifest.format())), new Fact("compiler", "Catena " + manifest.compiler())));
    manifest.targets().forEach(t -> facts.add(new Fact("target", t.name() + ": " + String.join(", ", t.features()))));
    return new ModelPage(m.name(), "artifact")
        .headline(List.of(new Fact("layers", String.valueOf(m.layers())), new Fact("hidden", String.valueOf(m.hidden())),
            new Fact("vocabulary", String.valueOf(m.vocab())), new Fact("bits a weight", manifest.settings().getOrDefault("wbits", "–")),
            new Fact("of weights", Bytes.text(memory.weightsBytes())),
            new Fact("of cache a token", Bytes.text(memory.kvBytesPerToken())),
            new Fact(manifest.targets().size() == 1 ? "target" : "targets",
                manifest.targets().stream().map(Manifest.Target::name).collect(Collectors.joining(", ")))))
        .facts(facts)
        .settings(manifest.settings().entrySet().stream().map(e -> new Fact(e.getKey(), e.getValue())).toList())
        .memory(new MemoryPlan(manifest).facts())
        .kernels(KernelFacts.of(manifest).stream().map(KernelFacts::json).toList(), pageSources())
        .weights(storedWeights())
        .steps(ir.steps());
  }

  /** Every file of code that people can read, in whatever language a target's is. */
  private List<ModelPage.Source> pageSources() {
    List<ModelPage.Source> sources = new ArrayList<>();
    for (Manifest.Target target : manifest.targets()) {
      String folder = "code/" + target.name() + "/";
      for (String name : reader.names()) {
        if (name.startsWith(folder) && SOURCE.matcher(name).find()) {
          sources.add(new ModelPage.Source(target.name(), name.substring(folder.length()), text(name).lines().toList()));
        }
      }
    }
    return sources;
  }

  /** Each under the first stage that reads it. */
  private List<ModelPage.StoredWeight> storedWeights() {
    List<ModelPage.StoredWeight> weights = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (Manifest.Stage stage : manifest.stages()) {
      for (Manifest.Weight w : stage.weights()) {
        if (seen.add(w.entry())) {
          weights.add(new ModelPage.StoredWeight(stage.name(), w.name(), w.type(), w.bytes(), w.layout()));
        }
      }
    }
    return weights;
  }

  private Map<String, Object> modelJson() {
    Manifest.Model m = manifest.model();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("name", m.name());
    json.put("vocab", m.vocab());
    json.put("hidden", m.hidden());
    json.put("layers", m.layers());
    json.put("max_seq_len", m.maxSeqLen());
    json.put("bos", m.bos());
    json.put("eos", m.eos());
    json.put("add_bos", m.addBos());
    json.put("tokenizer", reader.contains("tokenizer.json"));
    return json;
  }

  private static Map<String, Object> stageJson(Manifest.Stage stage) {
    Map<String, Object> code = new LinkedHashMap<>();
    stage.code().forEach((target, c) -> code.put(target, c.symbol()));
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("name", stage.name());
    json.put("role", stage.role());
    json.put("input", Map.of("kind", stage.input().kind(), "width", stage.input().width()));
    json.put("output", Map.of("kind", stage.output().kind(), "width", stage.output().width()));
    json.put("weights", stage.weights().size());
    json.put("weights_bytes", weightBytes(stage));
    json.put("kernels", code);
    return json;
  }

  @Override
  public void close() {
    reader.close();
  }
}
