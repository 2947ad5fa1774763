package dev.catena.tests.fuzz;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Models whose structure was changed at random: imported and compiled, or refused in one line that names the file. */
class MutatedModelsTest {
  private static final int MUTATIONS = 150;
  private static final List<byte[]> MODELS = new ArrayList<>();

  @BeforeAll
  static void writeModels(@TempDir Path folder) throws IOException {
    LlamaModel.write(folder.resolve("model"), LlamaShape.of(2, 1, 8, 24, 32, 2, 16), ExportStyle.F32, 53);
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path p : (Iterable<Path>) files.filter(f -> f.toString().endsWith(".onnx")).sorted()::iterator) {
        MODELS.add(Files.readAllBytes(p));
      }
    }
    for (Path p : FuzzTarget.ONNX.inputs()) {
      String name = p.getFileName().toString();
      if (name.matches("(nestif-3|matmul-big|pasts-20|shape-concat|found-.*)\\.onnx")) {
        MODELS.add(Files.readAllBytes(p));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void areReadOrRefused(int seed) {
    Random random = new Random(seed);
    OnnxMutator mutator = new OnnxMutator(random);
    for (int i = 0; i < MUTATIONS; i++) {
      byte[] mutated = mutator.mutate(MODELS.get(random.nextInt(MODELS.size())));
      assertTimeoutPreemptively(Duration.ofSeconds(60), () -> FuzzTarget.ONNX.feed(mutated), "mutation " + i);
    }
  }
}
