package dev.catena.tests.oracle;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.model.PieceNames;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The models that other tests rely on are real models to ONNX Runtime, and the chain carries its cache. */
class GeneratedModelTest {
  private static final LlamaShape SHAPE = LlamaShape.of(4, 2, 20, 96, 105, 2, 40);

  @TempDir Path folder;

  static Stream<ExportStyle> styles() {
    ExportStyle f32 = ExportStyle.F32;
    return Stream.of(f32, ExportStyle.F16, f32.withGatherElements(), f32.withQkvBias(), f32.withExternalData(),
        f32.withDynamicBatch(), f32.withOpset(18), f32.named(PieceNames.OTHER));
  }

  @ParameterizedTest
  @MethodSource("styles")
  void onnxRuntimeGivesTheSameLogitsAtOnceAndTokenByToken(ExportStyle style) {
    PieceFolder model = LlamaModel.write(folder, SHAPE, style, 1);
    int[] prompt = {3, 104, 0, 17, 58};
    try (OnnxRuntimeModel whole = new OnnxRuntimeModel(model); OnnxRuntimeModel single = new OnnxRuntimeModel(model)) {
      float[][] logits = whole.feed(prompt);
      assertEquals(SHAPE.vocab(), logits[0].length);
      double largest = new Generation(prompt, new int[0], logits).largest();
      assertTrue(largest > 1 && largest < 100, "logits up to " + largest);
      for (int i = 0; i < prompt.length; i++) {
        assertArrayEquals(logits[i], single.feed(prompt[i])[0], (float) (largest * 5e-3), "row " + i);
      }
    }
  }
}
