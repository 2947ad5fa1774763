package dev.catena.tests.endtoend;

import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.Form;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.oracle.Agreement;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.Generation;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Weights in bfloat16 compile as they are stored. ONNX Runtime, which multiplies no bf16 on CPUs, judges by the model that
 * casts the same weights to f32.
 */
class Bfloat16Test {
  private static final ExportStyle CAST = ExportStyle.F32.with(Form.WEIGHTS_IN_BF16);
  /** The root of the head size has few bits: it is the same number in bf16. */
  private static final LlamaShape SHAPE = LlamaShape.of(4, 2, 16, 96, 105, 2, 40);

  @TempDir Path folder;

  static Stream<Arguments> styles() {
    return Stream.of(
        Arguments.of(CAST.withExternalData(), 1e-4),
        // Here constants in the graph are bf16, too: epsilon, the tables of angles.
        Arguments.of(ExportStyle.F32.in(OnnxElement.BF16), 5e-3));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("styles")
  void compiledCodeComputesWithTheStoredWeights(ExportStyle style, double tolerance) {
    Generation judge = ModelBench.judge(LlamaModel.write(folder.resolve("judged"), SHAPE, CAST, 3),
        ModelBench.prompt(5, SHAPE.vocab(), 5), 12);
    Path artifact = ModelBench.compile(LlamaModel.write(folder.resolve("model"), SHAPE, style, 3),
        folder.resolve("model.catena"), "--wbits", 32);
    try (CompiledModel model = new CompiledModel(artifact)) {
      new Agreement(judge, tolerance).check(model);
    }
  }
}
