package dev.catena.tests.endtoend;

import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.model.PieceNames;
import dev.catena.tests.oracle.Agreement;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.Generation;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Generated models of many shapes and styles, compiled, agree with ONNX Runtime through prefill and 33 decode steps. */
class ExactnessTest {
  private static final int PROMPT = 6;
  private static final int TOKENS = 34;

  @TempDir Path folder;

  static Stream<Arguments> models() {
    ExportStyle f32 = ExportStyle.F32;
    ExportStyle f16 = ExportStyle.F16;
    LlamaShape grouped = LlamaShape.of(4, 2, 20, 172, 105, 2, 40);
    return Stream.of(
        // head sizes, head counts, FFN, vocabulary and depth that fit no vector, in several styles
        Arguments.of(LlamaShape.of(1, 1, 8, 172, 105, 1, 40), f32, 32, 1e-4),
        Arguments.of(LlamaShape.of(3, 1, 20, 96, 512, 2, 64), f32.withGatherElements().withExternalData(), 32, 1e-4),
        Arguments.of(LlamaShape.of(4, 2, 48, 200, 1000, 1, 100), f32.withQkvBias().withOpset(18), 32, 1e-4),
        Arguments.of(LlamaShape.of(6, 6, 64, 172, 105, 1, 128), f32.named(PieceNames.OTHER).withDynamicBatch(), 32, 1e-4),
        Arguments.of(LlamaShape.of(8, 4, 80, 96, 512, 1, 300), f32, 32, 1e-4),
        Arguments.of(LlamaShape.of(4, 2, 128, 200, 105, 5, 41), f32, 32, 1e-4),
        Arguments.of(new LlamaShape(72, 3, 3, 20, 97, 107, 1, 40), f32, 32, 1e-4),
        // extremes
        Arguments.of(LlamaShape.of(2, 1, 8, 24, 128_000, 1, 40), f32, 32, 1e-4),
        Arguments.of(LlamaShape.of(2, 2, 8, 24, 105, 32, 40), f32, 32, 1e-4),
        Arguments.of(new LlamaShape(200, 12, 1, 2, 8, 9, 2, 64), f32, 32, 1e-4),
        Arguments.of(LlamaShape.of(1, 1, 256, 1000, 333, 1, 64), f32, 32, 1e-4),
        // storage
        Arguments.of(grouped, f32, 16, 2e-3),
        Arguments.of(LlamaShape.of(8, 4, 8, 96, 1000, 2, 64), f32, 16, 2e-3),
        Arguments.of(grouped, f16.withGatherElements().withDynamicBatch(), 16, 5e-3),
        Arguments.of(LlamaShape.of(6, 6, 20, 200, 512, 2, 64), f16.withQkvBias(), 16, 5e-3),
        Arguments.of(LlamaShape.of(3, 1, 128, 96, 105, 1, 40), f16.named(PieceNames.OTHER), 16, 5e-3),
        Arguments.of(LlamaShape.of(4, 2, 80, 172, 105, 1, 40), f16.withExternalData(), 32, 5e-3));
  }

  @ParameterizedTest(name = "{0}; {1}; {2} bits")
  @MethodSource("models")
  void logitsAndTokensAreThoseOfOnnxRuntime(LlamaShape shape, ExportStyle style, int bits, double tolerance) {
    PieceFolder pieces = LlamaModel.write(folder.resolve("model"), shape, style, 3);
    Generation judge = ModelBench.judge(pieces, ModelBench.prompt(PROMPT, shape.vocab(), 5), TOKENS);
    Path artifact = ModelBench.compile(pieces, folder.resolve("model.catena"), "--wbits", bits);
    try (CompiledModel model = new CompiledModel(artifact)) {
      new Agreement(judge, tolerance).check(model);
    }
  }
}
