package dev.catena.tools;

import dev.catena.codegen.DefaultActivations;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.StageLaunches;
import dev.catena.codegen.Target;
import dev.catena.codegen.cpu.CpuLibrary;
import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.codegen.cuda.CudaProgram;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.TunedKernels;
import dev.catena.codegen.cuda.Untried;
import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.passes.DefaultPipeline;
import dev.catena.passes.PassContext;
import dev.catena.passes.Pipeline;
import dev.catena.runtime.Devices;
import dev.catena.runtime.cpu.CpuTopology;
import dev.catena.runtime.text.ModelConfig;
import dev.catena.runtime.text.ModelFiles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code catena plan}: the memory that a model will take, before anything is compiled. */
@Command(name = "plan", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Say what memory a model will take with these settings, and how many tokens fit, before compiling it.")
final class PlanCommand implements Callable<Integer> {

  @Parameters(index = "0", paramLabel = "DIR|FILE.onnx", description = "A folder of pieces, or a model in one file.")
  private Path input;

  @Option(names = "--target", defaultValue = "cpu", paramLabel = "T", description = "As for compile. Default: ${DEFAULT-VALUE}")
  private String target;

  @Option(names = "--wbits", defaultValue = "4", description = "As for compile. Default: ${DEFAULT-VALUE}")
  private int weightBits;

  @Option(names = "--group-size", defaultValue = "128", description = "As for compile. Default: ${DEFAULT-VALUE}")
  private int groupSize;

  @Option(names = "--symmetric", description = "As for compile.")
  private boolean symmetric;

  @Option(names = "--embed-bits", description = "As for compile.")
  private Integer embedBits;

  @Option(names = "--head-bits", description = "As for compile.")
  private Integer headBits;

  @Option(names = "--kv-bits", paramLabel = "N|K,V", description = "As for compile.")
  private String kvBits;

  @Option(names = "--device-memory", paramLabel = "SIZE", description = "Such as 24GiB. Default: what this machine has free")
  private String deviceMemory;

  @Option(names = "--cache-max-entry-count", paramLabel = "F", defaultValue = "0.8",
      description = "The share of the memory beside weights and activations that the KV cache may take. Default: ${DEFAULT-VALUE}")
  private double cacheShare;

  @Option(names = "--max-seq-len", paramLabel = "N", defaultValue = "0", description = "Longest context. Default: the model's")
  private int maxSeqLen;

  @Option(names = "--step-rows", paramLabel = "N", defaultValue = "256", description = "As for compile. Default: ${DEFAULT-VALUE}")
  private int stepRows;

  @Option(names = "--batch", paramLabel = "N", defaultValue = "1", description = "Sequences at once. Default: ${DEFAULT-VALUE}")
  private int batch;

  @Option(names = "--threads", paramLabel = "N", description = "CPU threads. Default: this machine's physical cores")
  private Integer threads;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    check();
    int[] kv = CompileCommand.kvBits(kvBits, weightBits);
    int embed = embedBits != null ? embedBits : DefaultPipeline.WeightStorage.embedBits(weightBits);
    int head = headBits != null ? headBits : DefaultPipeline.WeightStorage.headBits(weightBits);
    int group = CompileCommand.columnsPerScale(groupSize, weightBits, embed, head);
    Path folder = Files.isDirectory(input) ? input : input.toAbsolutePath().getParent();
    ModelConfig config = ModelConfig.read(folder, ModelFiles.find(folder, "tokenizer.json"));
    DefaultPipeline.WeightStorage weights = new DefaultPipeline.WeightStorage(weightBits, group, symmetric, embed, head, embedBits == null, "search", "");
    String pipeline = DefaultPipeline.text(
        new DefaultPipeline.Settings(weights, kv[0], kv[1], stepRows, ModelFacts.positions(maxSeqLen, config)));
    Target code = target.startsWith("sm_") ? CudaTarget.parse(target) : CpuTarget.parse(target);
    try (ImportedModel imported = OnnxImporter.importModel(input)) {
      Pipeline.parse(pipeline).run(imported.module(), new PassContext(), false, (n, pass, module) -> { });
      ModelFacts facts = ModelFacts.of(imported.module(), config, maxSeqLen);
      List<StageLaunches> stages = imported.module().stages().stream()
          .map(s -> StageLaunches.of(s, LinearLaunch.Activations.F32)).toList();
      print(forecast(stages, facts.vocab(), code), facts.maxSeqLen(), code instanceof CudaTarget);
    }
    return 0;
  }

  private MemoryForecast forecast(List<StageLaunches> stages, int vocabulary, Target code) {
    List<List<Launch>> launches = stages.stream().map(StageLaunches::launches).toList();
    if (code instanceof CpuTarget cpu) {
      int team = threads != null ? threads : Devices.list().get(0).cores();
      return MemoryForecast.onCpu(stages, CpuLibrary.facts(DefaultActivations.onCpu(launches), cpu), vocabulary, team);
    }
    int maxRows = stages.get(0).maxRows();
    List<List<Launch>> onGpu = DefaultActivations.onGpu(launches);
    TunedKernels kernels = PredictedKernels.addedTo(TunedKernels.none(), onGpu, maxRows, (CudaTarget) code, false, Optional.empty());
    return MemoryForecast.onGpu(stages, CudaProgram.of(onGpu, maxRows, vocabulary, kernels, Untried.NOTHING), vocabulary);
  }

  private void check() {
    if (!Files.exists(input)) {
      throw new UserError(input + ": there is no such file or folder");
    }
    CompileCommand.requireStepRows(stepRows);
    if (!(cacheShare > 0 && cacheShare <= 1)) {
      throw new UserError("--cache-max-entry-count " + cacheShare + ": must be above 0 and at most 1");
    }
    if (batch < 1 || batch > 1 << 16) {
      throw new UserError("--batch " + batch + ": must be from 1 to 65536");
    }
    if (maxSeqLen < 0) {
      throw new UserError("--max-seq-len " + maxSeqLen + ": must be positive");
    }
    if (threads != null && (threads < 1 || threads > 1024)) {
      throw new UserError("--threads " + threads + ": must be from 1 to 1024");
    }
  }

  private void print(MemoryForecast forecast, int context, boolean canStream) {
    long memory = deviceMemory != null ? Bytes.parse("--device-memory", deviceMemory) : CpuTopology.availableBytes();
    long weights = forecast.weightsBytes();
    long activations = forecast.activationBytes(context, batch);
    long kv = forecast.kvBytes(context, batch);
    long graphs = forecast.graphBytes();
    long room = (long) (Math.max(0, memory - weights - activations - graphs) * cacheShare);
    long pages = forecast.kvPageBytes() == 0 ? 0 : Math.max(0, room / forecast.kvPageBytes() - 1);
    long sequences = pages / MemoryForecast.pages(context);
    long total = weights + kv + activations + graphs;
    boolean fits = weights + activations + graphs <= memory && sequences >= batch;
    long streamed = canStream && !fits ? forecast.streamedBytes(memory, context, batch) : 0;
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("weights_bytes", weights);
    values.put("kv_bytes_per_token", forecast.kvBytesPerToken());
    values.put("kv_bytes", kv);
    values.put("activation_bytes", activations);
    if (graphs > 0) {
      values.put("graph_bytes", graphs);
    }
    values.put("total_bytes", total);
    values.put("device_memory_bytes", memory);
    values.put("max_seq_len", context);
    values.put("batch", batch);
    values.put("tokens_that_fit", pages * 64);
    values.put("sequences_that_fit", sequences);
    values.put("fits", fits);
    if (streamed > 0) {
      values.put("streamed_bytes_per_step", streamed);
    }
    System.out.print(json ? Json.text(values) : String.format(Locale.ROOT, """
        weights      %s
        KV cache     %s a token, %s for %d %s of %d
        activations  %s, for steps of up to %d rows%s
        in all       %s of %s: %s
        room for     %d tokens, or %d sequences of %d (the cache may take %.0f %% of what is left)
        """, Bytes.text(weights), Bytes.text(Math.round(forecast.kvBytesPerToken())), Bytes.text(kv), batch,
        batch == 1 ? "sequence" : "sequences", context, Bytes.text(activations), stepRows,
        graphs == 0 ? "" : "; graphs of steps about " + Bytes.text(graphs), Bytes.text(total), Bytes.text(memory),
        fits ? "fits" : streamed <= 0 ? "does not fit" : "fits with --device-memory, if " + Bytes.text(streamed)
            + " of weights are streamed at every step", pages * 64, sequences, context, 100 * cacheShare));
  }
}
