package dev.catena.tools;

import dev.catena.codegen.KvFormat;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.StageLaunches;
import dev.catena.codegen.cpu.StageFacts;
import dev.catena.codegen.cuda.CudaProgram;
import dev.catena.codegen.StageWeight;
import dev.catena.codegen.cuda.CudaStage;
import dev.catena.runtime.gpu.GpuModel;
import dev.catena.runtime.gpu.Region;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;

/**
 * What a compiled model will take on one device, from its launches alone: the same sums that the runtime allocates by.
 */
final class MemoryForecast {
  private static final long MAX_LOGITS_BYTES = 1L << 30;
  private static final long SCRATCH_ALIGNMENT = 4096;

  private final List<StageLaunches> stages;
  private final int vocabulary;
  private final long arenaBytes;
  private final long scratchBytes;
  /** Whether the last stage's rows have a place of their own, as on GPUs, and not one of the two that stages take in turn. */
  private final boolean ownOutput;
  /** What graphs of steps are reckoned to take. */
  private final long graphBytes;

  private MemoryForecast(List<StageLaunches> stages, int vocabulary, long arenaBytes, long scratchBytes, boolean ownOutput, long graphBytes) {
    this.graphBytes = graphBytes;
    this.stages = stages;
    this.vocabulary = vocabulary;
    this.arenaBytes = arenaBytes;
    this.scratchBytes = scratchBytes;
    this.ownOutput = ownOutput;
  }

  /**
   * Of stages that went through the whole pipeline.
   *
   * @param facts   of each stage for the target
   * @param threads that need scratch memory of their own
   */
  static MemoryForecast onCpu(List<StageLaunches> stages, List<StageFacts> facts, int vocabulary, int threads) {
    long scratch = facts.stream().mapToLong(StageFacts::scratchBytes).max().orElse(0);
    return new MemoryForecast(stages, vocabulary, facts.stream().mapToLong(StageFacts::arenaBytes).max().orElse(0),
        (scratch + SCRATCH_ALIGNMENT - 1) / SCRATCH_ALIGNMENT * SCRATCH_ALIGNMENT * threads, false, 0);
  }

  /** Of stages that went through the whole pipeline; {@code program} is made of them. */
  static MemoryForecast onGpu(List<StageLaunches> stages, CudaProgram program, int vocabulary) {
    return new MemoryForecast(stages, vocabulary, program.stages().stream().mapToLong(CudaStage::arenaBytes).max().orElse(0),
        program.stages().stream().mapToLong(CudaStage::scratchBytes).max().orElse(0) + 4L * CudaProgram.COUNTERS, true, graphBytes(program.stages()));
  }

  private static long graphBytes(List<CudaStage> stages) {
    int buckets = stages.stream().mapToInt(stage -> stage.buckets().size()).max().orElse(0);
    return GpuModel.graphBytes(buckets, stages.stream().mapToInt(stage -> stage.buckets().stream().mapToInt(bucket -> bucket.launches().size())
        .max().orElse(0)).sum());
  }

  /** What graphs of steps are reckoned to take on a GPU, by the driver's own account; 0 on a CPU. */
  long graphBytes() {
    return graphBytes;
  }

  /**
   * Bytes of weights that a GPU with so much memory is brought anew at every step: those of the last stages, as few as can be, through
   * two buffers. Weights of several stages stay.
   *
   * @param kvBytes that the cache takes
   * @return 0 where everything fits, -1 where not even that does
   */
  long streamedBytes(long memory, long kvBytes) {
    long room = memory - activationBytes() - graphBytes - kvBytes;
    Map<StageWeight, Integer> uses = new HashMap<>();
    stages.forEach(stage -> new HashSet<>(stage.weights()).forEach(weight -> uses.merge(weight, 1, Integer::sum)));
    long[] own = stages.stream().mapToLong(stage -> new HashSet<>(stage.weights()).stream().filter(weight -> uses.get(weight) == 1)
        .mapToLong(MemoryForecast::roomBytes).sum()).toArray();
    long shared = uses.entrySet().stream().filter(use -> use.getValue() > 1).mapToLong(use -> roomBytes(use.getKey())).sum();
    long streamed = 0;
    long largest = 0;
    for (int stay = own.length; stay >= 0; stay--) {
      long resident = shared + Arrays.stream(own, 0, stay).sum();
      if (resident + 2 * largest <= room) {
        return streamed;
      }
      if (stay > 0) {
        streamed += own[stay - 1];
        largest = Math.max(largest, own[stay - 1]);
      }
    }
    return -1;
  }

  private static long roomBytes(StageWeight weight) {
    return new Region("", StageWeights.bytes(weight), true).roomBytes();
  }

  long weightsBytes() {
    return new StageWeights(stages).totalBytes();
  }

  /** Of one page of positions, over all layers. */
  long kvPageBytes() {
    return stages.stream().flatMap(s -> s.kv().stream()).mapToLong(KvFormat::pageBytes).sum();
  }

  double kvBytesPerToken() {
    return (double) kvPageBytes() / KvFormat.PAGE;
  }

  /** Of so many sequences of a length, each in whole pages, and the page that belongs to nobody. */
  long kvBytes(int positions, int sequences) {
    return (pages(positions) * sequences + 1) * kvPageBytes();
  }

  static long pages(long positions) {
    return (positions + KvFormat.PAGE - 1) / KvFormat.PAGE;
  }

  /** Arena, scratch memory, and the rows that stages hand on. */
  long activationBytes() {
    int rows = stages.get(0).maxRows();
    long live = Math.max(1, Math.min(rows, MAX_LOGITS_BYTES / (4L * vocabulary)));
    long[] outputs = new long[3];
    for (int i = 0; i < stages.size(); i++) {
      StageLaunches s = stages.get(i);
      int place = ownOutput && i == stages.size() - 1 ? 2 : i % 2;
      outputs[place] = Math.max(outputs[place], 4L * s.outputWidth() * (s.outputRows() == RowCount.SELECTED ? live : rows));
    }
    return arenaBytes + scratchBytes + outputs[0] + outputs[1] + outputs[2];
  }
}
