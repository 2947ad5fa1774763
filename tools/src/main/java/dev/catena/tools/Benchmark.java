package dev.catena.tools;

import dev.catena.artifact.Manifest;
import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.Generation;
import dev.catena.runtime.GenerationOptions;
import dev.catena.runtime.Session;
import dev.catena.runtime.SessionOptions;
import dev.catena.runtime.cpu.CpuTopology;
import dev.catena.runtime.cpu.ReadBandwidth;
import java.util.Arrays;
import java.util.Optional;

/** Measures prefill, decode and the machine's read bandwidth, one after the other in this process. */
final class Benchmark {
  private static final long BANDWIDTH_BYTES = 2L << 30;
  private static final int BANDWIDTH_ROUNDS = 5;

  private final CatenaModel model;
  private final SessionOptions options;
  private final int threads;

  Benchmark(CatenaModel model, SessionOptions options, int threads) {
    this.model = model;
    this.options = options;
    this.threads = threads;
  }

  BenchResult run(int promptLength, int generatedLength, int repetitions, int batch, double othersBefore) {
    String device = options.devices().get(0);
    double bandwidth = GpuBandwidth.isGpu(device) ? GpuBandwidth.measure(device)
        : ReadBandwidth.measure(threads, bandwidthBytes(), BANDWIDTH_ROUNDS);
    Speed speed = speed(promptLength, generatedLength, repetitions);
    // The first generated token is read at position promptLength, the last at promptLength + generatedLength - 1.
    double meanContext = promptLength + (generatedLength + 1) / 2.0;
    Manifest.Memory memory = model.manifest().memory();
    long bytesPerToken = memory.bytesPerToken() + Math.round(memory.kvBytesPerToken() * meanContext);
    return new BenchResult(model.target(options.devices()), threads, promptLength, generatedLength, repetitions,
        speed.prefillPerSecond(), speed.decodePerSecond(), bytesPerToken, bandwidth, othersBefore,
        batch < 2 ? Optional.empty() : Optional.of(new BatchBenchmark(model, options, batch, promptLength, generatedLength)
            .run(repetitions)));
  }

  /** Median tokens a second. */
  record Speed(double prefillPerSecond, double decodePerSecond) {}

  /** Measures without the machine's read bandwidth. */
  Speed speed(int promptLength, int generatedLength, int repetitions) {
    double[] prefill = new double[repetitions];
    double[] decode = new double[repetitions];
    try (Session session = model.newSession(options)) {
      int[] prompt = prompt(promptLength);
      measure(session, prompt, generatedLength);   // warm-up: pages are touched, Java is compiled
      for (int i = 0; i < repetitions; i++) {
        double[] seconds = measure(session, prompt, generatedLength);
        prefill[i] = promptLength / seconds[0];
        decode[i] = generatedLength / seconds[1];
      }
    }
    return new Speed(median(prefill), median(decode));
  }

  /** Several times any cache, but never more than half of what is free. */
  private static long bandwidthBytes() {
    long available = CpuTopology.availableBytes();
    return available == 0 ? BANDWIDTH_BYTES : Math.max(64L << 20, Math.min(BANDWIDTH_BYTES, available / 2));
  }

  /** Seconds of the prefill, and of as many decode steps as tokens are generated. */
  private static double[] measure(Session session, int[] prompt, int generatedLength) {
    session.truncate(0);
    long start = System.nanoTime();
    session.feed(prompt);
    long fed = System.nanoTime();
    // The first token costs no step: it comes from the prefill's logits. One more is asked for in its place.
    Generation generation = session.generate(GenerationOptions.greedy().withIgnoreEos(true)
        .withMaxTokens(generatedLength + 1));
    while (generation.hasNext()) {
      generation.nextInt();
    }
    return new double[] {(fed - start) / 1e9, (System.nanoTime() - fed) / 1e9};
  }

  /** Ids from all over the vocabulary, always the same; what they mean makes no difference to the time. */
  private int[] prompt(int length) {
    int vocabulary = model.manifest().model().vocab();
    int[] ids = new int[length];
    for (int i = 0; i < length; i++) {
      ids[i] = (int) (i * 7919L % vocabulary);
    }
    return ids;
  }

  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
