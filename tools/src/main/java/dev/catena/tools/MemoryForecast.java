package dev.catena.tools;

import dev.catena.codegen.KvFormat;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.StageLaunches;
import dev.catena.codegen.cpu.StageFacts;
import java.util.List;

/**
 * What a compiled model will take on one device, from its launches alone: the same sums that the runtime allocates by.
 */
final class MemoryForecast {
  private static final long MAX_LOGITS_BYTES = 1L << 30;
  private static final long SCRATCH_ALIGNMENT = 4096;

  private final List<StageLaunches> stages;
  private final List<StageFacts> facts;
  private final int vocabulary;
  private final int threads;

  /**
   * Looks at stages that went through the whole pipeline.
   *
   * @param facts   of each stage for the target
   * @param threads that need scratch memory of their own
   */
  MemoryForecast(List<StageLaunches> stages, List<StageFacts> facts, int vocabulary, int threads) {
    this.stages = stages;
    this.facts = facts;
    this.vocabulary = vocabulary;
    this.threads = threads;
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
    long arena = facts.stream().mapToLong(StageFacts::arenaBytes).max().orElse(0);
    long scratch = facts.stream().mapToLong(StageFacts::scratchBytes).max().orElse(0);
    long[] outputs = new long[2];
    for (int i = 0; i < stages.size(); i++) {
      StageLaunches s = stages.get(i);
      outputs[i % 2] = Math.max(outputs[i % 2], 4L * s.outputWidth() * (s.outputRows() == RowCount.SELECTED ? live : rows));
    }
    return arena + (scratch + SCRATCH_ALIGNMENT - 1) / SCRATCH_ALIGNMENT * SCRATCH_ALIGNMENT * threads + outputs[0] + outputs[1];
  }
}
