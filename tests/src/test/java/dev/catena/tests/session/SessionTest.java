package dev.catena.tests.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.ContextFullException;
import dev.catena.runtime.FinishReason;
import dev.catena.runtime.Generation;
import dev.catena.runtime.GenerationOptions;
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
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The Java API over a generated model: what a session remembers is what it was fed, whichever way it came there. */
@Timeout(60)
class SessionTest {
  private static final LlamaShape SHAPE = LlamaShape.of(4, 2, 20, 96, 105, 2, 700);
  private static final int LONG = 600;
  /** Steps of other sizes may add in another order, and nothing more. */
  private static final double SAME = 1e-5;

  private static PieceFolder pieces;
  private static CatenaModel model;

  @BeforeAll
  static void compile(@TempDir Path folder) {
    pieces = LlamaModel.write(folder.resolve("model"), SHAPE, ExportStyle.F32, 71);
    Path artifact = folder.resolve("m.catena");
    CatenaCommand.run("compile", pieces.path(), "-o", artifact, "--wbits", 32, "--activations", "f32").succeeded();
    model = CatenaModel.open(artifact);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static int[] tokens(int count, long seed) {
    return new Random(seed).ints(count, 0, SHAPE.vocab()).toArray();
  }

  private static Session session() {
    return model.newSession(SessionOptions.defaults().withThreads(2));
  }

  private static float[][] fresh(int[] ids) {
    try (Session s = session()) {
      return CompiledModel.feed(s, ids);
    }
  }

  private static int[] joined(int[] a, int[] b) {
    int[] all = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, all, a.length, b.length);
    return all;
  }

  @Test
  void aPromptOfSeveralChunksAgreesWithOnnxRuntime() {
    int[] ids = tokens(LONG, 1);
    float[][] expected;
    try (OnnxRuntimeModel judge = new OnnxRuntimeModel(pieces)) {
      expected = judge.feed(ids);
    }
    LogitsAssert.assertClose(expected, fresh(ids), 1e-4, LONG + " tokens at once");
    try (Session s = session()) {
      float[][] first = CompiledModel.feed(s, Arrays.copyOf(ids, 257));
      float[][] rest = CompiledModel.feed(s, Arrays.copyOfRange(ids, 257, LONG));
      LogitsAssert.assertClose(Arrays.copyOf(expected, 257), first, 1e-4, "the first 257");
      LogitsAssert.assertClose(Arrays.copyOfRange(expected, 257, LONG), rest, 1e-4, "the rest");
    }
  }

  @Test
  void theLogitsAfterAFeedAreThoseOfItsLastToken() {
    int[] ids = tokens(300, 2);
    float[] last = fresh(ids)[299];
    try (Session s = session()) {
      s.feed(ids);
      float[] logits = new float[SHAPE.vocab()];
      s.logits().get(logits);
      LogitsAssert.assertClose(new float[][] {last}, new float[][] {logits}, SAME, "the last row");
      assertArrayEquals(ids, s.tokens());
      assertEquals(300, s.position());
    }
  }

  @Test
  void forksGoTheirOwnWays() {
    int[] common = tokens(130, 3);
    int[] left = tokens(20, 4);
    int[] right = tokens(70, 5);
    float[][] expectedLeft = continuation(common, Arrays.copyOf(left, 10), Arrays.copyOfRange(left, 10, 20));
    float[][] expectedRight = continuation(common, right);
    try (Session s = session()) {
      s.feed(common);
      try (Session fork = s.fork()) {
        assertEquals(130, fork.position());
        // in turns, so that a shared page that one writes would show in the other
        float[][] a1 = CompiledModel.feed(s, Arrays.copyOf(left, 10));
        float[][] b = CompiledModel.feed(fork, right);
        float[][] a2 = CompiledModel.feed(s, Arrays.copyOfRange(left, 10, 20));
        assertArrayEquals(Arrays.copyOf(expectedLeft, 10), a1);
        assertArrayEquals(Arrays.copyOfRange(expectedLeft, 10, 20), a2);
        assertArrayEquals(expectedRight, b);
      }
    }
  }

  @Test
  void aForkOutlivesItsOrigin() {
    int[] common = tokens(70, 6);
    int[] more = tokens(5, 7);
    float[][] expected = continuation(common, more);
    Session fork;
    try (Session s = session()) {
      s.feed(common);
      fork = s.fork();
    }
    try (fork) {
      assertArrayEquals(expected, CompiledModel.feed(fork, more));
    }
  }

  @Test
  void aTruncatedSessionIsOneThatWasNeverFedTheRest() {
    int[] ids = tokens(200, 8);
    int[] other = tokens(40, 9);
    for (int keep : new int[] {0, 1, 63, 64, 65, 128, 199, 200}) {
      int[] kept = Arrays.copyOf(ids, keep);
      float[][] expected = continuation(kept, other);
      try (Session s = session()) {
        s.feed(kept);
        s.feed(Arrays.copyOfRange(ids, keep, 200));
        s.truncate(keep);
        assertEquals(keep, s.position());
        assertArrayEquals(expected, CompiledModel.feed(s, other), "kept " + keep);
      }
      try (Session s = session()) {
        s.feed(ids);
        s.truncate(keep);
        LogitsAssert.assertClose(expected, CompiledModel.feed(s, other), SAME, "kept " + keep);
      }
    }
  }

  /** The logits of {@code more}, part by part, after {@code before}, from a session of its own. */
  private static float[][] continuation(int[] before, int[]... more) {
    try (Session s = session()) {
      s.feed(before);
      return Arrays.stream(more).map(part -> CompiledModel.feed(s, part)).flatMap(Arrays::stream)
          .toArray(float[][]::new);
    }
  }

  @Test
  void aTruncatedSessionAgreesWithOnnxRuntime() {
    int[] ids = tokens(80, 10);
    int[] other = tokens(10, 11);
    float[][] expected;
    try (OnnxRuntimeModel judge = new OnnxRuntimeModel(pieces)) {
      judge.feed(Arrays.copyOf(ids, 50));
      expected = judge.feed(other);
    }
    try (Session s = session()) {
      s.feed(ids);
      s.truncate(50);
      LogitsAssert.assertClose(expected, CompiledModel.feed(s, other), 1e-4, "after truncation");
    }
  }

  @Test
  void aFullContextEndsGenerationWithAReason() {
    try (Session s = model.newSession(SessionOptions.defaults().withThreads(2).withMaxSequenceLength(20))) {
      s.feed(tokens(15, 12));
      Generation g = s.generate(GenerationOptions.greedy().withIgnoreEos(true));
      int count = 0;
      while (g.hasNext()) {
        g.nextInt();
        count++;
      }
      // 15 fed, the tokens of positions 15 to 19 as well, and one more is chosen after them
      assertEquals(6, count);
      assertEquals(FinishReason.CONTEXT_FULL, g.finishReason());
      assertEquals(20, s.position());
      assertThrows(ContextFullException.class, () -> s.feed(1));
    }
  }

  @Test
  void aPromptThatDoesNotFitIsRefusedWhole() {
    try (Session s = session()) {
      s.feed(1, 2, 3);
      assertThrows(ContextFullException.class, () -> s.feed(tokens(SHAPE.maxSeq(), 13)));
      assertEquals(3, s.position());
    }
    assertThrows(ContextFullException.class,
        () -> model.newSession(SessionOptions.defaults().withMaxSequenceLength(SHAPE.maxSeq() + 1)));
  }

  @Test
  void generationIsGreedyOverTheLogits() {
    int[] prompt = tokens(12, 14);
    try (Session s = session(); Session check = session()) {
      s.feed(prompt);
      float[][] rows = CompiledModel.feed(check, prompt);
      float[] last = rows[rows.length - 1];
      Generation g = s.generate(GenerationOptions.greedy().withMaxTokens(40).withIgnoreEos(true));
      while (g.hasNext()) {
        int id = g.nextInt();
        for (float v : last) {
          assertTrue(v <= last[id], "a likelier token than " + id);
        }
        last = CompiledModel.feed(check, id)[0];
      }
      assertEquals(FinishReason.LENGTH, g.finishReason());
      assertEquals(40, g.count());
    }
  }

  @Test
  void anotherThreadCancelsAGeneration() throws InterruptedException {
    try (Session s = session()) {
      s.feed(1);
      CountDownLatch started = new CountDownLatch(1);
      AtomicReference<FinishReason> reason = new AtomicReference<>();
      Thread generating = new Thread(() -> {
        Generation g = s.generate(GenerationOptions.greedy().withIgnoreEos(true));
        while (g.hasNext()) {
          g.nextInt();
          started.countDown();
        }
        reason.set(g.finishReason());
      });
      generating.start();
      started.await();
      s.cancel();
      generating.join();
      assertEquals(FinishReason.CANCELLED, reason.get());
      int kept = s.position();
      assertTrue(kept < SHAPE.maxSeq(), "the whole context was generated");
      // what is there is sound: it goes on as a fresh session does
      int[] tokens = s.tokens();
      float[][] expected = {lastRow(fresh(joined(tokens, new int[] {7})))};
      LogitsAssert.assertClose(expected, CompiledModel.feed(s, 7), SAME, "after " + kept + " tokens");
    }
  }

  private static float[] lastRow(float[][] rows) {
    return rows[rows.length - 1];
  }

  @Test
  void aCancelledFeedSaysHowFarItCame() {
    int[] ids = tokens(LONG, 15);
    try (Session s = session()) {
      assertThrows(CancellationException.class, () -> s.feed(ids, (position, logits) -> {
        if (position == 0) {
          s.cancel();
        }
      }));
      int fed = s.position();
      assertTrue(fed > 0 && fed < LONG, "fed " + fed);
      assertArrayEquals(Arrays.copyOf(ids, fed), s.tokens());
      LogitsAssert.assertClose(continuation(Arrays.copyOf(ids, fed), new int[] {9}), CompiledModel.feed(s, 9), SAME,
          "after " + fed + " tokens");
    }
  }

  @Test
  void aClosedSessionSaysSo() {
    Session s = session();
    s.feed(1);
    s.close();
    s.close();
    assertThrows(IllegalStateException.class, () -> s.feed(2));
  }

  @Test
  void idsOutsideTheVocabularyAreRefusedAndNothingIsFed() {
    try (Session s = session()) {
      assertThrows(RuntimeException.class, () -> s.feed(1, SHAPE.vocab(), 2));
      assertThrows(RuntimeException.class, () -> s.feed(-1));
      assertEquals(0, s.position());
      assertFalse(s.generate(GenerationOptions.greedy().withMaxTokens(0)).hasNext());
    }
  }
}
