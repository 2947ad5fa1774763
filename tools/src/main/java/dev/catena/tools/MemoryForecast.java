package dev.catena.tools;

import dev.catena.artifact.KernelProgram;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.StageLaunches;
import dev.catena.codegen.cpu.StageFacts;
import dev.catena.codegen.cuda.CudaProgram;
import dev.catena.codegen.StageWeight;
import dev.catena.codegen.cuda.CudaStage;
import dev.catena.codegen.cuda.RowBucket;
import dev.catena.runtime.LiveRows;
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
  private static final long SCRATCH_ALIGNMENT = 4096;

  private final List<StageLaunches> stages;
  private final int vocabulary;
  private final long arenaBytes;
  private final long scratchBytes;
  private final boolean onGpu;
  /** What graphs of steps are reckoned to take. */
  private final long graphBytes;

  private MemoryForecast(List<StageLaunches> stages, int vocabulary, long arenaBytes, long scratchBytes, boolean onGpu, long graphBytes) {
    this.graphBytes = graphBytes;
    this.stages = stages;
    this.vocabulary = vocabulary;
    this.arenaBytes = arenaBytes;
    this.scratchBytes = scratchBytes;
    this.onGpu = onGpu;
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
        program.stages().stream().mapToLong(CudaStage::scratchBytes).max().orElse(0), true, graphBytes(program));
  }

  private static long graphBytes(CudaProgram program) {
    int buckets = program.stages().stream().mapToInt(stage -> stage.buckets().size()).max().orElse(0);
    return GpuModel.graphBytes(buckets, program.stages().stream().mapToInt(stage -> mostLaunches(stage.buckets())).sum())
        + GpuModel.graphBytes(program.sampling().size(), mostLaunches(program.sampling()));
  }

  private static int mostLaunches(List<RowBucket> buckets) {
    return buckets.stream().mapToInt(bucket -> bucket.launches().size()).max().orElse(0);
  }

  /** What graphs of steps are reckoned to take on a GPU, by the driver's own account; 0 on a CPU. */
  long graphBytes() {
    return graphBytes;
  }

  /**
   * Bytes of weights that a GPU with so much memory is brought anew at every step: those of the last stages, as few as can be, through
   * two buffers. Weights of several stages stay.
   *
   * @param positions of each sequence
   * @param sequences at once
   * @return 0 where everything fits, -1 where not even that does
   */
  long streamedBytes(long memory, int positions, int sequences) {
    long room = memory - activationBytes(positions, sequences) - graphBytes - kvBytes(positions, sequences);
    Map<StageWeight, Integer> uses = new HashMap<>();
    stages.forEach(stage -> new HashSet<>(stage.weights()).forEach(weight -> uses.merge(weight, 1, Integer::sum)));
    long[] own = stages.stream().mapToLong(stage -> new HashSet<>(stage.weights()).stream().filter(weight -> uses.get(weight) == 1)
        .mapToLong(weight -> room(StageWeights.bytes(weight))).sum()).toArray();
    long shared = uses.entrySet().stream().filter(use -> use.getValue() > 1).mapToLong(use -> room(StageWeights.bytes(use.getKey()))).sum();
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

  /** What so many bytes take on a GPU where others follow. */
  private static long room(long bytes) {
    return new Region("", bytes, true).roomBytes();
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

  /**
   * Arena, scratch memory, and the rows that stages hand on; on a GPU also the values of a step.
   *
   * @param positions of the longest sequence
   * @param sequences that may share a step
   */
  long activationBytes(int positions, int sequences) {
    int rows = stages.get(0).maxRows();
    long live = LiveRows.most(rows, vocabulary);
    long[] outputs = new long[3];
    for (int i = 0; i < stages.size(); i++) {
      StageLaunches s = stages.get(i);
      // On a GPU the last stage's rows have a place of their own, not one of the two that stages take in turn.
      int place = onGpu && i == stages.size() - 1 ? 2 : i % 2;
      outputs[place] = Math.max(outputs[place], 4L * s.outputWidth() * (s.outputRows() == RowCount.SELECTED ? live : rows));
    }
    if (!onGpu) {
      return arenaBytes + scratchBytes + outputs[0] + outputs[1];
    }
    return room(arenaBytes) + room(scratchBytes) + Arrays.stream(outputs).map(MemoryForecast::room).sum()
        + stepBytes(rows, (int) Math.min(live, Math.min(rows, sequences)), pages(positions));
  }

  /** What a step's values, its sampling and the device's counters take on a GPU (docs/cuda-abi.md), and the first stage's input, which has no rows. */
  private static long stepBytes(int rows, int sequences, long pagesOfEach) {
    long historyBytes = 4L * KvFormat.PAGE * pagesOfEach * sequences;
    return room(16) + 4 * room(4L * rows) + room(4 * pagesOfEach * sequences) + room(0)
        + room((long) KernelProgram.SAMPLING_BYTES * sequences) + room(historyBytes) + room(4L * sequences) + room(4L * KernelProgram.COUNTERS);
  }
}
