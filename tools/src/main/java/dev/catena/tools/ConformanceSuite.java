package dev.catena.tools;

import dev.catena.runtime.LoadedGraph;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

/** The cases below some folders, run in parallel, and what became of them. */
final class ConformanceSuite {
  private final List<ConformanceCase> cases;

  private ConformanceSuite(List<ConformanceCase> cases) {
    this.cases = cases;
  }

  /** All folders with a {@code model.onnx}, in and below these. */
  static ConformanceSuite find(List<Path> folders) {
    List<ConformanceCase> cases = new ArrayList<>();
    for (Path folder : folders) {
      if (!Files.isDirectory(folder)) {
        throw new UserError(folder + ": " + (Files.exists(folder) ? "is not a folder" : "there is no such folder"));
      }
      try (Stream<Path> all = Files.walk(folder, 6)) {
        List<Path> found = all.filter(path -> path.getFileName() != null && path.getFileName().toString().equals("model.onnx"))
            .map(Path::getParent).sorted().toList();
        if (found.isEmpty()) {
          throw new UserError(folder + ": no folder in it has a model.onnx");
        }
        found.forEach(path -> cases.add(new ConformanceCase(path.toAbsolutePath().normalize())));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return new ConformanceSuite(cases);
  }

  void run(ConformanceTarget target) throws IOException {
    int threads = Runtime.getRuntime().availableProcessors();
    ExecutorService workers = Executors.newFixedThreadPool(threads);
    try (Console.Progress progress = Console.progress("running " + cases.size() + " cases", cases.size(), "", 1)) {
      List<Future<?>> running = new ArrayList<>();
      for (int from = 0; from < cases.size(); from += target.casesAtOnce()) {
        List<ConformanceCase> some = cases.subList(from, Math.min(cases.size(), from + target.casesAtOnce()));
        running.add(workers.submit(() -> {
          some.forEach(c -> prepare(c, target));
          compileAndRun(some.stream().filter(c -> c.program() != null).toList(), target);
          progress.step(some.size());
          return null;
        }));
      }
      for (Future<?> each : running) {
        each.get();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      }
      throw new IllegalStateException(e.getCause());
    } finally {
      workers.shutdownNow();
    }
  }

  private static void prepare(ConformanceCase c, ConformanceTarget target) {
    c.prepare();
    String reason = c.program() == null ? null : target.skips(c);
    if (reason != null) {
      c.skip(reason);
    }
  }

  /** A case whose code can't be compiled must not take others with it. */
  private static void compileAndRun(List<ConformanceCase> some, ConformanceTarget target) throws IOException, InterruptedException {
    if (some.isEmpty()) {
      return;
    }
    ConformanceTarget.Code code;
    try {
      code = target.build(some);
    } catch (RuntimeException e) {
      if (some.size() == 1) {
        some.get(0).fail("code could not be made: " + e.getMessage().lines().limit(3).toList());
        return;
      }
      compileAndRun(some.subList(0, some.size() / 2), target);
      compileAndRun(some.subList(some.size() / 2, some.size()), target);
      return;
    }
    try (code) {
      for (int i = 0; i < some.size(); i++) {
        try (LoadedGraph graph = code.graph(i)) {
          some.get(i).run(graph);
        }
      }
    }
  }

  /** @param skips reason to count; {@code failures} are lines, by case */
  record Result(int passed, int failed, int skipped, Map<String, Integer> skips, List<String> failures,
      Map<String, int[]> byOperation) {}

  Result result() {
    int[] sums = new int[3];
    Map<String, Integer> skips = new TreeMap<>();
    List<String> failures = new ArrayList<>();
    Map<String, int[]> byOperation = new TreeMap<>();
    for (ConformanceCase c : cases) {
      int what = c.skipped() != null ? 2 : c.failure() != null ? 1 : 0;
      sums[what]++;
      byOperation.computeIfAbsent(c.operation(), o -> new int[3])[what]++;
      if (what == 2) {
        skips.merge(c.skipped(), 1, Integer::sum);
      } else if (what == 1) {
        failures.add(c.name() + ": " + c.failure());
      }
    }
    return new Result(sums[0], sums[1], sums[2], new LinkedHashMap<>(skips), failures, byOperation);
  }
}
