package dev.catena.tools;

import dev.catena.artifact.ArtifactWriter;
import dev.catena.artifact.CatenaException;
import dev.catena.artifact.Manifest;
import dev.catena.codegen.EmbeddingLaunch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.StageLaunches;
import dev.catena.codegen.Target;
import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.ModelTooLargeException;
import dev.catena.frontend.onnx.OnnxException;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.MappedFile;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Trait;
import dev.catena.passes.DefaultPipeline;
import dev.catena.passes.PassContext;
import dev.catena.passes.PassException;
import dev.catena.passes.PassResult;
import dev.catena.passes.Pipeline;
import dev.catena.runtime.text.ModelConfig;
import dev.catena.runtime.text.ModelFiles;
import dev.catena.runtime.text.TextTokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * One compilation from ONNX to an artifact. Only references to weights exist until the artifact is written; then one
 * stage after another is streamed and its files are unmapped.
 */
final class ModelCompiler {
  /** Ten times the largest in use. */
  private static final long MOST_TOKENIZER_BYTES = 256L << 20;

  private final CompileSettings settings;
  /** Why the input was taken for a graph of tensors, or null. */
  private String noLanguageModel;
  /** What is told that a stage's weights are in the artifact. */
  private Consumer<Stage> written = stage -> { };
  private final Map<String, String> dumps = new LinkedHashMap<>();
  private Map<String, Integer> operations = Map.of();

  ModelCompiler(CompileSettings settings) {
    this.settings = settings;
  }

  /**
   * Compiles. What can be wrong with the settings is found before the model is read, and the settings are printed once
   * nothing can be wrong with the model any more: a mistake gets one line. Empty where the passes were to stop early.
   */
  Optional<String> compile() {
    long start = System.nanoTime();
    Pipeline pipeline = pipeline();
    new OutputFile(settings.output(), "-o");   // refused before there is work in vain
    requireNotTheInput();
    Optional<byte[]> tokenizer = tokenizer();
    if (!settings.quantization().calibrated()) {
      return compile(pipeline, tokenizer, context(), start);
    }
    byte[] text = tokenizer.orElseThrow(() -> new UserError("--calib: the model has no tokenizer.json to read a text with; "
        + "name one with --tokenizer"));
    try (Calibration calibration = Calibration.run(settings, config(), text)) {
      PassContext context = context();
      context.calibrated(calibration.weights());
      written = stage -> calibration.unmap(stage.name());
      Optional<String> report = compile(pipeline, tokenizer, context, start);
      calibration.table().lines().forEach(Console::note);
      calibration.delete();
      return report;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private PassContext context() {
    return settings.watching().context("--weights '" + settings.input().toAbsolutePath() + "'");
  }

  private Optional<String> compile(Pipeline pipeline, Optional<byte[]> tokenizer, PassContext context, long start) {
    try (ImportedModel imported = imported()) {
      if (imported.module().stages().size() == 1) {
        return graph(imported);
      }
      Module module = imported.module();
      List<Piece> before = pieces(module);
      boolean uncertain = Files.isRegularFile(settings.input()) && computesWholeSequences(module);
      try {
        pipeline.run(module, context.observe(this::afterPass));   // a failure is one line, which says what a warning would
      } catch (PassException e) {
        if (!uncertain) {
          throw e;
        }
        noLanguageModel = e.getMessage();
      }
      if (noLanguageModel != null) {
        return graphOnly();
      }
      settings.watching().report(context);
      if (settings.watching().stopsEarly()) {
        Console.warn(context.warnings());
        Console.note("stopped as --stop-after says: no artifact is written");
        return Optional.empty();
      }
      requireLaunches(module, pipeline);
      ModelFacts facts = ModelFacts.of(module, config(), settings.maxSeqLen());
      LinearLaunch.Activations activations = activations();
      List<StageLaunches> stages = module.stages().stream().map(s -> StageLaunches.of(s, activations)).toList();
      Map<String, String> described = settings.described(facts.maxSeqLen(), embedBits(stages));
      Console.note("settings: " + described.entrySet().stream().map(e -> e.getKey() + " = " + e.getValue())
          .collect(Collectors.joining(", ")));
      imported.warnings().forEach(Console::warn);
      Console.warn(context.warnings());
      context.notes().forEach(Console::note);
      List<TargetCode> code = new CodeGeneration(stages, settings.activations().isEmpty(), settings.tuned(), settings.card(), settings.experimental()).of(settings.targets());
      return Optional.of(write(imported, module, facts, stages, code, tokenizer, before, context, start).text());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whether the model was exported without a cache: then an encoder with a vocabulary looks like a language model until its mask is seen. */
  private static boolean computesWholeSequences(Module module) {
    return "none".equals(module.stages().get(0).textAttribute("past"));
  }

  private Optional<String> graphOnly() {
    dumps.clear();
    try (ImportedModel imported = OnnxImporter.importGraph(settings.input())) {
      return graph(imported);
    }
  }

  /** A language model in its stages; of one file that is none, the graph as a single stage. */
  private ImportedModel imported() {
    if (settings.fromShape()) {
      return ImportedModel.of(ShapeModel.of(ModelShape.read(settings.input())));
    }
    try {
      return OnnxImporter.importModel(settings.input());
    } catch (OnnxException e) {
      if (!Files.isRegularFile(settings.input()) || e instanceof ModelTooLargeException) {
        throw e;
      }
      noLanguageModel = e.getMessage();
      return OnnxImporter.importGraph(settings.input());
    }
  }

  /** A graph that can't be compiled gets one line, which also says why it isn't taken for a language model. */
  private Optional<String> graph(ImportedModel imported) {
    try {
      Optional<String> report = new GraphCompiler(settings).compile(imported);
      if (noLanguageModel != null) {
        Console.note("not taken for a language model (" + noLanguageModel + "): compiled as a graph of tensors, for 'catena exec'");
      }
      return report;
    } catch (UncheckedIOException | CatenaException e) {
      throw e;
    } catch (RuntimeException e) { // a graph that no exporter writes can be more than the lowering is made for
      String name = settings.input().getFileName().toString();
      String reason = e.getMessage() == null ? e.toString() : e.getMessage();
      throw new UserError((reason.contains(name) ? "" : name + ": ") + reason
          + (noLanguageModel == null ? "" : " (and no language model: " + noLanguageModel + ")"), e);
    }
  }

  /** Of a table that is the head's matrix, too, what that is stored in; else what was asked for. */
  private int embedBits(List<StageLaunches> stages) {
    return stages.get(0).launches().stream().filter(l -> l instanceof EmbeddingLaunch e && e.packed())
        .mapToInt(l -> ((EmbeddingLaunch) l).type().element().bits()).findFirst().orElse(settings.embedBits());
  }

  private record Piece(String name, String source, int operations, long bytes) {}

  private static List<Piece> pieces(Module module) {
    List<Piece> pieces = new ArrayList<>();
    for (Stage s : module.stages()) {
      long bytes = StageWeights.importedBytes(s);
      int count = (int) s.operations().stream().filter(o -> !o.definition().has(Trait.CONSTANT)).count();
      pieces.add(new Piece(s.name(), String.valueOf(s.textAttribute("source")), count, bytes));
    }
    return pieces;
  }

  private Pipeline pipeline() {
    DefaultPipeline.WeightStorage weights = new DefaultPipeline.WeightStorage(settings.weightBits(), settings.groupSize(), settings.symmetric(),
        settings.embedBits(), settings.headBits(), settings.tied(), settings.quantization().scales(), settings.quantization().keep());
    DefaultPipeline.Settings defaults = new DefaultPipeline.Settings(weights, settings.keyBits(), settings.valueBits(), settings.maxRows(),
        ModelFacts.positions(settings.maxSeqLen(), config()));
    return settings.watching().restrict(Pipeline.parse(settings.pipeline().orElse(
        settings.fromShape() ? DefaultPipeline.afterRaising(defaults) : DefaultPipeline.text(defaults))));
  }

  /** A slip of {@code -o} must not cost the user the model. */
  private void requireNotTheInput() {
    Path output = settings.output().toAbsolutePath();
    try {
      boolean replacesIt = Files.exists(output) && Files.isSameFile(output, settings.input());
      boolean replacesAPiece = Files.exists(output) && output.toString().endsWith(".onnx") && Files.isSameFile(output.getParent(), modelFolder());
      if (replacesIt || replacesAPiece) {
        throw new UserError("-o " + settings.output() + ": is " + (replacesIt ? "the input" : "one of the input's files") + "; name another file");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void requireLaunches(Module module, Pipeline pipeline) {
    for (Stage stage : module.stages()) {
      for (Operation op : stage.operations()) {
        if (!op.definition().dialect().equals("kernel") || !stage.attributes().containsKey("plan.rows")) {
          throw new UserError("--pipeline " + pipeline + ": leaves " + op.name() + " in @" + stage.name()
              + "; a pipeline for compile ends with lower,plan");
        }
      }
    }
  }

  private void afterPass(PassResult result) {
    dumps.put(result.label() + ".cir", result.text());
    if (result.pass().equals("raise") || result.pass().equals("merge")) {   // a pipeline may lack the latter
      operations = MergedOperations.of(result.module());
    }
  }

  private ModelConfig config() {
    Path folder = modelFolder();
    return ModelConfig.read(folder, tokenizerFile());
  }

  private Path modelFolder() {
    Path input = settings.input().toAbsolutePath();
    return Files.isDirectory(input) ? input : input.getParent();
  }

  /** The content of {@code tokenizer.json}, if there is one; one that can't be used is refused now, not when it is run. */
  private Optional<byte[]> tokenizer() {
    Optional<Path> file = tokenizerFile();
    if (file.isEmpty()) {
      return Optional.empty();
    }
    try {
      if (Files.size(file.get()) > MOST_TOKENIZER_BYTES) {
        throw new UserError(file.get() + ": " + Bytes.text(Files.size(file.get())) + " are too much for a tokenizer");
      }
      byte[] bytes = Files.readAllBytes(file.get());
      TextTokenizer.of(bytes, file.get().toString()).close();
      return Optional.of(bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Optional<Path> tokenizerFile() {
    if (settings.tokenizer().isPresent()) {
      return settings.tokenizer();
    }
    return ModelFiles.find(modelFolder(), "tokenizer.json");
  }

  private LinearLaunch.Activations activations() {
    CompileSettings.Activations chosen = settings.activations().orElse(CompileSettings.Activations.F32);
    if (chosen != CompileSettings.Activations.F32) {
      settings.targets().forEach(target -> whyWithoutEffect(chosen, target).ifPresent(why ->
          Console.warn("--activations " + chosen.text() + " has no effect on weights of " + settings.weightBits() + " bits on " + target.name() + ": " + why)));
    }
    return chosen.ofLaunches();
  }

  private Optional<String> whyWithoutEffect(CompileSettings.Activations chosen, Target target) {
    if (settings.weightBits() >= 32 && target instanceof CudaTarget) {
      return Optional.of("they are multiplied in f32");
    } else if (target instanceof CudaTarget) {
      return Optional.of("it multiplies f16, as by default");
    } else if (settings.weightBits() < 16) {
      return Optional.empty();
    } else if (chosen == CompileSettings.Activations.INT8) {
      return Optional.of("only codes are multiplied by codes");
    }
    return target instanceof CpuTarget cpu && cpu.has("avx512bf16") ? Optional.empty() : Optional.of("it has no products of bf16");
  }

  private CompileReport write(ImportedModel imported, Module module, ModelFacts facts, List<StageLaunches> stages,
      List<TargetCode> code, Optional<byte[]> tokenizer, List<Piece> before, PassContext context, long start)
      throws IOException {
    StageWeights weights = new StageWeights(stages, settings.fromShape());
    Manifest manifest;
    try (ArtifactWriter writer = ArtifactWriter.create(settings.output());
        Console.Progress progress = Console.progress("packing weights", weights.totalBytes(), " MiB", 1 << 20)) {
      for (Map.Entry<String, String> dump : dumps.entrySet()) {
        writer.entry("ir/" + dump.getKey(), dump.getValue().getBytes(StandardCharsets.UTF_8));
      }
      Map<String, byte[]> codeEntries = new LinkedHashMap<>();
      code.forEach(c -> codeEntries.putAll(c.entries()));
      codeEntries.forEach(writer::entry);
      for (StageLaunches stage : stages) {
        weights.write(stage, writer, progress);
        imported.filesOf(stage.stage()).forEach(MappedFile::unmap);
        written.accept(stage.stage());
      }
      if (tokenizer.isPresent()) {
        writer.entry("tokenizer.json", tokenizer.get());
      } else {
        Console.warn("no tokenizer.json in the model's folder or its parent: the artifact takes and gives ids only");
      }
      manifest = writer.commit(new ManifestBuilder(settings.described(facts.maxSeqLen(), embedBits(stages)), module, facts, operations).build(stages, code,
          weights));
    }
    List<CompileReport.Piece> pieces = new ArrayList<>();
    for (int i = 0; i < stages.size(); i++) {
      pieces.add(new CompileReport.Piece(before.get(i).name(), before.get(i).source(), before.get(i).operations(),
          stages.get(i).launches().size(), before.get(i).bytes(), weights.bytesOf(stages.get(i))));
    }
    Map<String, Integer> fusions = new TreeMap<>();
    context.counters().forEach((name, n) -> {
      if (n > 0 && (name.startsWith("raise.") || name.startsWith("merge.") || name.startsWith("lower.linear"))) {
        fusions.merge(name.substring(name.indexOf('.') + 1), n, Integer::sum);
      }
    });
    return new CompileReport(pieces, fusions, manifest, settings.output().toString(), Files.size(settings.output()),
        (System.nanoTime() - start) / 1e9);
  }
}
