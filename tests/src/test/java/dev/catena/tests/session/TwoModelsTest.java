package dev.catena.tests.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.Session;
import dev.catena.runtime.SessionOptions;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.LogitsAssert;
import dev.catena.tests.oracle.OnnxRuntimeModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Several artifacts open in one process: each runs its own code, and one can go while the other runs. */
@Timeout(60)
class TwoModelsTest {
  private static final int[] PROMPT = {3, 1, 4, 1, 5};
  private static final int STEPS = 60;

  private record Subject(Path artifact, float[][] expected) {}

  private static Subject small;
  private static Subject large;

  @BeforeAll
  static void compile(@TempDir Path folder) {
    small = subject(folder.resolve("small"), LlamaShape.of(1, 1, 8, 40, 64, 1, 80));
    large = subject(folder.resolve("large"), LlamaShape.of(6, 2, 20, 172, 105, 3, 80));
  }

  private static Subject subject(Path folder, LlamaShape shape) {
    PieceFolder pieces = LlamaModel.write(folder, shape, ExportStyle.F32, 73);
    Path artifact = folder.resolveSibling(folder.getFileName() + ".catena");
    CatenaCommand.run("compile", folder, "-o", artifact, "--wbits", 32, "--activations", "f32").succeeded();
    try (OnnxRuntimeModel judge = new OnnxRuntimeModel(pieces)) {
      List<float[]> rows = new ArrayList<>(List.of(judge.feed(PROMPT)));
      IntStream.range(0, STEPS).forEach(i -> rows.addAll(List.of(judge.feed(i))));
      return new Subject(artifact, rows.toArray(float[][]::new));
    }
  }

  private static float[][] run(Session s) {
    List<float[]> rows = new ArrayList<>(List.of(CompiledModel.feed(s, PROMPT)));
    IntStream.range(0, STEPS).forEach(i -> rows.addAll(List.of(CompiledModel.feed(s, i))));
    return rows.toArray(float[][]::new);
  }

  private static void assertRight(Subject subject, float[][] logits) {
    LogitsAssert.assertClose(subject.expected(), logits, 1e-4, subject.artifact().getFileName().toString());
  }

  @Test
  void eachRunsItsOwnCode() {
    try (CatenaModel a = CatenaModel.open(small.artifact()); CatenaModel b = CatenaModel.open(large.artifact());
        Session sa = a.newSession(SessionOptions.defaults()); Session sb = b.newSession(SessionOptions.defaults())) {
      assertRight(small, run(sa));
      assertRight(large, run(sb));
    }
  }

  @Test
  void oneIsClosedAndOpenedAgainWhileTheOtherRuns() throws InterruptedException, ExecutionException {
    ExecutorService other = Executors.newSingleThreadExecutor();
    try (CatenaModel b = CatenaModel.open(large.artifact())) {
      Future<?> running = other.submit(() -> {
        for (int i = 0; i < 5; i++) {
          try (Session s = b.newSession(SessionOptions.defaults().withThreads(2))) {
            assertRight(large, run(s));
          }
        }
      });
      int opened = 0;
      while (!running.isDone() || opened == 0) {
        try (CatenaModel a = CatenaModel.open(small.artifact());
            Session s = a.newSession(SessionOptions.defaults().withThreads(2))) {
          assertRight(small, run(s));
        }
        opened++;
      }
      running.get();
    } finally {
      other.shutdownNow();
    }
  }

  @Test
  void aSessionGoesOnAfterItsModelWasClosed() {
    CatenaModel model = CatenaModel.open(large.artifact());
    try (Session s = model.newSession(SessionOptions.defaults())) {
      model.close();
      assertRight(large, run(s));
    }
  }

  @Test
  void sessionsOfOneModelRunSideBySide() throws InterruptedException, ExecutionException {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try (CatenaModel model = CatenaModel.open(large.artifact())) {
      List<Future<float[][]>> results = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        results.add(threads.submit(() -> {
          try (Session s = model.newSession(SessionOptions.defaults().withThreads(2))) {
            return run(s);
          }
        }));
      }
      float[][] first = results.get(0).get();
      assertRight(large, first);
      for (Future<float[][]> r : results) {
        assertArrayEquals(first, r.get());
      }
      assertEquals(4, results.size());
    } finally {
      threads.shutdownNow();
    }
  }
}
