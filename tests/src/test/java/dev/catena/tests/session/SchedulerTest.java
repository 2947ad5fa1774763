package dev.catena.tests.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.artifact.ArtifactReader;
import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.Devices;
import dev.catena.runtime.FinishReason;
import dev.catena.runtime.Generation;
import dev.catena.runtime.GenerationOptions;
import dev.catena.runtime.LogitsSink;
import dev.catena.runtime.Request;
import dev.catena.runtime.Scheduler;
import dev.catena.runtime.SchedulerOptions;
import dev.catena.runtime.Session;
import dev.catena.runtime.SessionOptions;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A request gets, to the last bit, what it would get alone: whatever shares its steps, however its prompt is cut into
 * chunks, whatever is shared with others, on any number of threads. Judged by a session of one thread that is fed each prompt
 * token by token, which agrees with ONNX Runtime in other tests.
 */
@Timeout(900)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SchedulerTest {
  /** 172 and 80 end within a group of 128; three query heads share a key; 105 is no multiple of 16. */
  private static final LlamaShape SHAPE = LlamaShape.of(6, 2, 20, 172, 105, 2, 300);
  private static final int TOKENS = 12;
  /** More than a page, more than a kernel's largest block of rows, and a common beginning of more than a page. */
  private static final int[] LENGTHS = {1, 150, 7, 64, 65, 33, 140, 128, 2};
  private static final int COMMON = 100;

  private Path folder;
  private Path pieces;

  private record Sequence(int[] prompt, int[] tokens, float[][] logits) {}

  @BeforeAll
  void write(@TempDir Path temporary) {
    folder = temporary;
    pieces = LlamaModel.write(folder.resolve("model"), SHAPE, ExportStyle.F32, 91).path();
  }

  /** How requests meet: threads, sequences at once, rows of a prompt in a step, and which of the sequences. */
  private record Company(int threads, int sequences, int prefillRows, int from, int to) {}

  private static final List<Company> COMPANIES = List.of(new Company(1, 16, 64, 0, 9), new Company(2, 5, 3, 0, 9), new Company(3, 16, 100, 0, 9),
      new Company(7, 9, 17, 1, 6), new Company(64, 16, 64, 5, 8));

  /** Each in three companies, and the next one in others, unless {@code -Dcatena.tests.product=true}. */
  @ParameterizedTest(name = "{1}, {2} bits, {3}, cache {4}")
  @CsvSource({"0, cpu, 32, f32, 32", "1, cpu, 16, f32, 16", "2, cpu, 4, f32, '8,4'", "3, cpu, 4, int8, 8", "4, cpu, 3, int8, 4",
      "0, cpu:x86-64-v3, 4, int8, 16", "2, cpu:x86-64-v3, 8, f32, 4", "4, cpu:sapphirerapids, 4, int8, 8"})
  void logitsAreThoseOfTheSequenceAlone(int first, String target, int bits, String activations, String cache) throws Exception {
    Path artifact = folder.resolve("m.catena");
    CatenaCommand.run("compile", pieces, "-o", artifact, "--target", target, "--wbits", bits, "--activations", activations,
        "--kv-bits", cache).succeeded();
    requireMachineFor(artifact);
    try (CatenaModel model = CatenaModel.open(artifact)) {
      List<Sequence> alone = Arrays.stream(LENGTHS).mapToObj(length -> alone(model, prompt(length))).toList();
      for (int i = 0; i < (Boolean.getBoolean("catena.tests.product") ? COMPANIES.size() : 3); i++) {
        together(model, alone, COMPANIES.get((first + i) % COMPANIES.size()));
      }
    }
  }

  /** Prompts of more than a page begin alike. */
  private static int[] prompt(int length) {
    int[] ids = new Random(length).ints(length, 0, SHAPE.vocab()).toArray();
    if (length > COMMON) {
      System.arraycopy(new Random(1).ints(COMMON, 0, SHAPE.vocab()).toArray(), 0, ids, 0, COMMON);
    }
    return ids;
  }

  private static LogitsSink into(List<float[]> rows) {
    return (position, logits) -> {
      assertEquals(rows.size(), position);
      float[] row = new float[logits.remaining()];
      logits.get(row);
      rows.add(row);
    };
  }

  private static GenerationOptions options() {
    return GenerationOptions.greedy().withIgnoreEos(true).withMaxTokens(TOKENS);
  }

  private static Sequence alone(CatenaModel model, int[] prompt) {
    List<float[]> rows = new ArrayList<>();
    try (Session session = model.newSession(SessionOptions.defaults().withThreads(1))) {
      for (int id : prompt) {
        session.feed(new int[] {id}, into(rows));
      }
      Generation tokens = session.generate(options().withLogits(into(rows)));
      return new Sequence(prompt, IntStream.range(0, TOKENS).map(i -> tokens.nextInt()).toArray(), rows.toArray(float[][]::new));
    }
  }

  /** All sequences twice: with the logits of every position, and with pages that they share. */
  private static void together(CatenaModel model, List<Sequence> all, Company company) throws InterruptedException {
    List<Sequence> alone = all.subList(company.from, company.to);
    SchedulerOptions options = SchedulerOptions.defaults().withMaxSequences(company.sequences).withPrefillRows(company.prefillRows)
        .withSession(SessionOptions.defaults().withThreads(company.threads).withKvCapacity(1024));
    try (Scheduler scheduler = model.newScheduler(options)) {
      List<List<float[]>> rows = new ArrayList<>();
      List<Request> watched = new ArrayList<>();
      List<Request> sharing = new ArrayList<>();
      for (Sequence sequence : alone) {
        rows.add(new ArrayList<>());
        watched.add(scheduler.submit(sequence.prompt, options().withLogits(into(rows.get(rows.size() - 1)))));
        sharing.add(scheduler.submit(sequence.prompt, options()));
      }
      for (int i = 0; i < alone.size(); i++) {
        assertEquals(FinishReason.LENGTH, watched.get(i).await(), () -> company + " failed");
        assertEquals(FinishReason.LENGTH, sharing.get(i).await());
        assertArrayEquals(alone.get(i).tokens, watched.get(i).tokens(), company::toString);
        assertArrayEquals(alone.get(i).tokens, sharing.get(i).tokens(), company::toString);
        assertArrayEquals(alone.get(i).logits, rows.get(i).toArray(float[][]::new), company + ", sequence " + i);
      }
      assertTrue(scheduler.counters().steps() < scheduler.counters().decodedRows(), "steps were not shared");
      assertTrue(scheduler.counters().sharedPositions() >= 64, scheduler.counters().toString());
    }
  }

  /** Skips where this machine lacks a feature of the target; TargetTest checks that it is refused. */
  private static void requireMachineFor(Path artifact) {
    List<String> machine = Devices.list().get(0).features();
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      if (!machine.containsAll(reader.manifest().targets().get(0).features())) {
        String why = "SKIPPED: this machine can't run " + reader.manifest().targets().get(0).name();
        System.err.println(why);
        Assumptions.abort(why);
      }
    }
  }

  /** CUDA kernels add in another order in steps of other sizes: ids are judged, not bits. */
  @Test
  void onTheSimulatedGpuTheIdsAreThoseOfTheSequenceAlone() throws Exception {
    LlamaShape small = LlamaShape.of(4, 2, 16, 40, 50, 1, 128);
    Path artifact = folder.resolve("gpu.catena");
    CatenaCommand.run("compile", LlamaModel.write(folder.resolve("small"), small, ExportStyle.F32, 5).path(), "-o", artifact,
        "--target", "sm_86", "--wbits", 4, "--kv-bits", 8, "--step-rows", 8).succeeded();
    SessionOptions devices = SessionOptions.defaults().withDevices(List.of("sim:0"));
    GenerationOptions three = GenerationOptions.greedy().withIgnoreEos(true).withMaxTokens(3);
    try (CatenaModel model = CatenaModel.open(artifact);
        Scheduler scheduler = model.newScheduler(SchedulerOptions.defaults().withSession(devices).withPrefillRows(4))) {
      List<int[]> prompts = List.of(new int[] {3, 49, 0}, new int[] {7}, new int[] {1, 2, 3, 4, 5, 6});
      List<Request> requests = prompts.stream().map(prompt -> scheduler.submit(prompt, three)).toList();
      for (int i = 0; i < prompts.size(); i++) {
        assertEquals(FinishReason.LENGTH, requests.get(i).await(), "" + requests.get(i).failure());
        try (Session session = model.newSession(devices)) {
          session.feed(prompts.get(i));
          Generation tokens = session.generate(three);
          assertArrayEquals(IntStream.range(0, 3).map(t -> tokens.nextInt()).toArray(), requests.get(i).tokens());
        }
      }
    }
  }
}
