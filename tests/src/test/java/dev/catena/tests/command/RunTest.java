package dev.catena.tests.command;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.oracle.NumpyArray;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code catena run} with ids, without a tokenizer: what goes to which stream, and how it ends. */
class RunTest {
  private static final LlamaShape SHAPE = LlamaShape.of(4, 2, 20, 172, 105, 3, 20_000);

  @TempDir static Path folder;
  private static Path artifact;

  @BeforeAll
  static void compile() {
    LlamaModel.write(folder.resolve("model"), SHAPE, ExportStyle.F32, 89);
    artifact = folder.resolve("m.catena");
    CatenaCommand.run("compile", folder.resolve("model"), "-o", artifact, "--wbits", 32).succeeded();
  }

  private static CommandResult run(Object... more) {
    Object[] all = new Object[more.length + 5];
    System.arraycopy(new Object[] {"run", artifact, "--ids", "5,6,7", "--print-ids"}, 0, all, 0, 5);
    System.arraycopy(more, 0, all, 5, more.length);
    return CatenaCommand.run(all);
  }

  @ParameterizedTest
  @ValueSource(strings = {"--threads=1", "--threads=3", "--device=cpu:0,cpu:1", "--device=cpu:1,cpu:0,cpu:2"})
  void threadsAndDevicesChangeNothing(String option) throws IOException {
    String usual = run("--max-tokens", 50, "--logits-out", folder.resolve("usual.npy")).succeeded().out();
    assertEquals(usual, run("--max-tokens", 50, "--logits-out", folder.resolve("other.npy"), option).succeeded().out());
    assertArrayEquals(Files.readAllBytes(folder.resolve("usual.npy")), Files.readAllBytes(folder.resolve("other.npy")));
  }

  @Test
  void logitsHaveARowForEveryPositionThatWasFed() {
    run("--max-tokens", 9, "--logits-out", folder.resolve("l.npy")).succeeded();
    assertArrayEquals(new int[] {3 + 9 - 1, SHAPE.vocab()}, NumpyArray.read(folder.resolve("l.npy")).shape());
  }

  @Test
  void greedyIdsAreThoseWithTheLargestLogit() {
    String[] ids = run("--max-tokens", 20, "--logits-out", folder.resolve("l.npy")).succeeded().out().strip().split(",");
    float[][] rows = NumpyArray.read(folder.resolve("l.npy")).rows();
    assertEquals(20, ids.length);
    for (int i = 0; i < ids.length; i++) {
      for (float v : rows[2 + i]) {
        assertTrue(v <= rows[2 + i][Integer.parseInt(ids[i])], "token " + i);
      }
    }
  }

  @Test
  void theSameSeedGivesTheSameTokensAndAnotherSeedOthers() {
    String first = run("--max-tokens", 40, "--temperature", 1, "--seed", 1).succeeded().out();
    assertEquals(first, run("--max-tokens", 40, "--temperature", 1, "--seed", 1).succeeded().out());
    assertFalse(first.equals(run("--max-tokens", 40, "--temperature", 1, "--seed", 2).succeeded().out()));
  }

  @Test
  void topOneIsGreedy() {
    assertEquals(run("--max-tokens", 40).succeeded().out(),
        run("--max-tokens", 40, "--temperature", 2, "--top-k", 1).succeeded().out());
  }

  @Test
  void aStopIdEndsTheTextBeforeItself() {
    String[] ids = run("--max-tokens", 40).succeeded().out().strip().split(",");
    String stop = ids[5];
    int first = List.of(ids).indexOf(stop);
    String expected = String.join(",", Arrays.copyOf(ids, first));
    assertEquals(expected, run("--max-tokens", 40, "--stop", stop).succeeded().out().strip());
  }

  @Test
  void noTokensWantedNoneGiven() {
    assertEquals("", run("--max-tokens", 0).succeeded().out().strip());
  }

  @ParameterizedTest
  @ValueSource(strings = {"INT", "TERM"})
  void aSignalEndsALongGeneration(String signal) throws IOException {
    RunningCommand command = CatenaProcess.in(folder).under("env", "--default-signal=INT")
        .start("run", artifact, "--ids", "1", "--print-ids", "--max-tokens", SHAPE.maxSeq() - 1, "--logits-out", "cut.npy");
    assertTrue(command.awaitOnStandardError("settings:"));
    command.signal(signal);
    CommandResult result = command.await();
    assertEquals(signal.equals("INT") ? 130 : 143, result.status(), result.err());
    assertFalse(result.err().contains("Exception"), result.err());
    assertFalse(Files.exists(folder.resolve("cut.npy")), "a file of logits was left half-written");
  }
}
