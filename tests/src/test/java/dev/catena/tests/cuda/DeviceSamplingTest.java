package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.FinishReason;
import dev.catena.runtime.Generation;
import dev.catena.runtime.GenerationOptions;
import dev.catena.runtime.Request;
import dev.catena.runtime.Scheduler;
import dev.catena.runtime.SchedulerOptions;
import dev.catena.runtime.Session;
import dev.catena.runtime.SessionOptions;
import dev.catena.runtime.sampling.Sampler;
import dev.catena.runtime.sampling.SamplingParameters;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the GPU's own sampling gives in the runtime: the ids of the host's sampler, from logits that stay as they are. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DeviceSamplingTest {
  private static final int VOCABULARY = 105;

  private CatenaModel model;

  @BeforeAll
  void open(@TempDir Path folder) {
    LlamaModel.write(folder.resolve("model"), LlamaShape.of(2, 1, 8, 24, VOCABULARY, 1, 64), ExportStyle.F32, 5);
    Path artifact = folder.resolve("model.catena");
    CatenaCommand.run("compile", folder.resolve("model"), "-o", artifact, "--wbits", 8, "--target", "sm_86", "--step-rows", 8).succeeded();
    model = CatenaModel.open(artifact);
  }

  @AfterAll
  void close() {
    model.close();
  }

  private Session session() {
    return model.newSession(SessionOptions.defaults().withThreads(2).withKvCapacity(256).withDevices(List.of("sim:0")));
  }

  static Stream<SamplingParameters> parameters() {
    return Stream.of(SamplingParameters.greedy(), new SamplingParameters(0, 0, 1, 0, 1.7, 0),
        SamplingParameters.random(1, 11), SamplingParameters.random(2.5, -3), new SamplingParameters(1.3, 7, 1, 0, 1, 12),
        new SamplingParameters(1.3, 0, 0.8, 0, 1, 13), new SamplingParameters(1.3, 0, 1, 0.2, 1, 14),
        new SamplingParameters(1.1, 30, 0.9, 0.01, 1.4, 1L << 40), new SamplingParameters(0.9, 0, 1, 0, 0.6, 15));
  }

  @ParameterizedTest
  @MethodSource("parameters")
  void choosesAsTheHostDoes(SamplingParameters parameters) {
    try (Session session = session()) {
      session.feed(3, 104, 3, 7, 0);
      Generation generation = session.generate(GenerationOptions.sampling(parameters).withMaxTokens(5).withIgnoreEos(true));
      while (generation.hasNext()) {
        int chosen = generation.nextInt();
        int[] history = session.tokens();
        assertEquals(new Sampler(parameters, VOCABULARY).sample(session.logits(), history, history.length, history.length),
            chosen, parameters + " at position " + history.length);
      }
      assertEquals(5, generation.count());
    }
  }

  /** A fork's step overwrites the device's logits; each session still sees its own, and chooses from them. */
  @Test
  void forksKeepTheirLogits() {
    try (Session one = session()) {
      one.feed(3, 104, 3);
      try (Session other = one.fork()) {
        one.feed(7);
        other.feed(60);
        float[] ofOne = copy(one.logits());
        float[] ofOther = copy(other.logits());
        assertEquals(largest(ofOne), one.generate(GenerationOptions.greedy().withIgnoreEos(true)).nextInt());
        other.truncate(3);
        other.feed(7);
        assertArrayEquals(ofOne, copy(other.logits()), 1e-4f);
        other.truncate(3);
        other.feed(60);
        assertEquals(largest(ofOther), other.generate(GenerationOptions.greedy().withIgnoreEos(true)).nextInt());
        assertArrayEquals(ofOther, copy(other.logits()), 1e-4f);
      }
    }
  }

  private static float[] copy(FloatBuffer logits) {
    float[] copy = new float[logits.remaining()];
    logits.get(copy);
    return copy;
  }

  private static int largest(float[] logits) {
    int best = 0;
    for (int id = 1; id < logits.length; id++) {
      best = logits[id] > logits[best] ? id : best;
    }
    return best;
  }

  /** In steps that several requests share each gets the token that the host's sampler chooses from its logits. */
  @Test
  void requestsOfOneSchedulerChooseTheirOwn() throws Exception {
    List<SamplingParameters> ways = List.of(new SamplingParameters(1.1, 30, 0.9, 0.01, 1.4, 1L << 40), SamplingParameters.greedy(),
        SamplingParameters.random(2.5, -3));
    int tokens = 5;
    try (Scheduler scheduler = model.newScheduler(SchedulerOptions.defaults().withMaxSequences(ways.size())
        .withSession(SessionOptions.defaults().withThreads(2).withKvCapacity(512).withDevices(List.of("sim:0"))))) {
      List<Map<Integer, FloatBuffer>> logits = new ArrayList<>();
      List<Request> requests = new ArrayList<>();
      for (int i = 0; i < ways.size(); i++) {
        Map<Integer, FloatBuffer> own = new ConcurrentHashMap<>();
        logits.add(own);
        requests.add(scheduler.submit(new int[] {3, 104 - i, 7}, GenerationOptions.sampling(ways.get(i)).withMaxTokens(tokens).withIgnoreEos(true)
            .withLogits((position, row) -> own.put(position, FloatBuffer.allocate(VOCABULARY).put(row).flip()))));
      }
      for (int i = 0; i < ways.size(); i++) {
        assertEquals(FinishReason.LENGTH, requests.get(i).await());
        int[] ids = Arrays.copyOf(new int[] {3, 104 - i, 7}, 3 + tokens);
        for (int n = 0; n < tokens; n++) {
          int position = 3 + n;
          ids[position] = requests.get(i).tokens()[n];
          assertEquals(new Sampler(ways.get(i), VOCABULARY).sample(logits.get(i).get(position - 1), ids, position, position), ids[position],
              ways.get(i) + " at position " + position);
        }
      }
    }
  }
}
