package dev.catena.tools;

import dev.catena.codegen.KvFormat;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.StageLaunches;
import dev.catena.codegen.cpu.StageFacts;
import dev.catena.codegen.cuda.CudaProgram;
import dev.catena.codegen.cuda.CudaStage;
import java.util.List;

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

  private MemoryForecast(List<StageLaunches> stages, int vocabulary, long arenaBytes, long scratchBytes, boolean ownOutput) {
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
        (scratch + SCRATCH_ALIGNMENT - 1) / SCRATCH_ALIGNMENT * SCRATCH_ALIGNMENT * threads, false);
  }

  /** Of stages that went through the whole pipeline; {@code program} is made of them. */
  static MemoryForecast onGpu(List<StageLaunches> stages, CudaProgram program, int vocabulary) {
    return new MemoryForecast(stages, vocabulary, program.stages().stream().mapToLong(CudaStage::arenaBytes).max().orElse(0),
        program.stages().stream().mapToLong(CudaStage::scratchBytes).max().orElse(0) + 4L * CudaProgram.COUNTERS, true);
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
