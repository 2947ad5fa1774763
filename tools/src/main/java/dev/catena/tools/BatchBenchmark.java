package dev.catena.tools;

import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.DeviceException;
import dev.catena.runtime.FinishReason;
import dev.catena.runtime.GenerationOptions;
import dev.catena.runtime.Request;
import dev.catena.runtime.Scheduler;
import dev.catena.runtime.SchedulerOptions;
import dev.catena.runtime.SessionOptions;
import dev.catena.runtime.TokenListener;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/**
 * Measures how fast several sequences decode in the same steps, in turns with one alone. Each has a prompt of its own, which
 * is read once and then shared by the repetitions.
 */
final class BatchBenchmark {
  private final CatenaModel model;
  private final SessionOptions session;
  private final int sequences;
  private final int promptLength;
  private final int generatedLength;

  BatchBenchmark(CatenaModel model, SessionOptions session, int sequences, int promptLength, int generatedLength) {
    this.model = model;
    this.session = session;
    this.sequences = sequences;
    this.promptLength = promptLength;
    this.generatedLength = generatedLength;
  }

  BatchSpeed run(int repetitions) {
    double[] together = new double[repetitions];
    double[] one = new double[repetitions];
    double[] ratios = new double[repetitions];
    // What runs, and the prompts that are kept beside it.
    long capacity = (long) sequences * (2L * promptLength + generatedLength + 192);
    SchedulerOptions options = SchedulerOptions.defaults().withMaxSequences(sequences)
        .withSession(session.withKvCapacity((int) Math.min(Integer.MAX_VALUE / 2, capacity)));
    try (Scheduler scheduler = model.newScheduler(options)) {
      tokensPerSecond(scheduler, sequences);   // warm-up: prompts are read, Java is compiled
      for (int i = 0; i < repetitions; i++) {
        one[i] = tokensPerSecond(scheduler, 1);
        together[i] = tokensPerSecond(scheduler, sequences);
        ratios[i] = together[i] / one[i];
      }
    }
    return new BatchSpeed(sequences, Benchmark.median(together), Benchmark.median(one), Benchmark.median(ratios));
  }

  /** Counts from the step in which the last request gets its first token to the one in which a request gets its last. */
  private static final class Stopwatch implements TokenListener {
    private final int requests;
    /** A request is known to have ended before its listener is told. */
    private final CountDownLatch told;
    private int started;
    private long tokens;
    private long start;
    private long end;

    Stopwatch(int requests) {
      this.requests = requests;
      told = new CountDownLatch(requests);
    }

    @Override
    public void token(Request request, int id) {
      if (started < requests) {
        started += request.count() == 1 ? 1 : 0;
        start = System.nanoTime();
      } else if (end == 0) {
        tokens++;
      }
    }

    @Override
    public void ended(Request request) {
      if (end == 0) {
        end = System.nanoTime();
      }
      told.countDown();
    }

    double tokensPerSecond() throws InterruptedException {
      told.await();
      return tokens / ((end - start) / 1e9);
    }
  }

  private double tokensPerSecond(Scheduler scheduler, int count) {
    Stopwatch stopwatch = new Stopwatch(count);
    List<Request> requests = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      requests.add(scheduler.submit(prompt(i), GenerationOptions.greedy().withIgnoreEos(true).withMaxTokens(generatedLength + 1),
          stopwatch));
    }
    try {
      for (Request request : requests) {
        if (request.await() != FinishReason.LENGTH) {
          if (request.failure() instanceof DeviceException lost) {
            throw lost;
          }
          throw new IllegalStateException("a sequence ended early: " + request.finishReason(), request.failure());
        }
      }
      return stopwatch.tokensPerSecond();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while measuring", e);
    }
  }

  /** Different from its first token on, so that nothing of it is another's. */
  private int[] prompt(int index) {
    int vocabulary = model.manifest().model().vocab();
    int[] ids = new int[promptLength];
    for (int i = 0; i < promptLength; i++) {
      ids[i] = (int) ((i + index * 31L) * 7919L % vocabulary);
    }
    return ids;
  }
}
