package dev.catena.tests.passes;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.Module;
import dev.catena.passes.DefaultPipeline;
import dev.catena.passes.PassContext;
import dev.catena.passes.Pipeline;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.model.PieceNames;
import dev.catena.tests.oracle.EvaluatedModel;
import dev.catena.tests.oracle.LogitsAssert;
import dev.catena.tests.oracle.OnnxRuntimeModel;
import dev.catena.tests.shared.SharedModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The module after each pass of the default pipeline computes what ONNX Runtime computes from the pieces: the evaluator
 * runs it over a prompt and some single tokens. The verifier holds after every pass.
 */
class PassMeaningTest {
  private static final int[][] STEPS = {{1, 17, 50, 3, 99}, {42}, {8}, {77, 0, 104}};

  @TempDir Path folder;

  static Stream<Arguments> generated() {
    ExportStyle f32 = ExportStyle.F32;
    LlamaShape grouped = LlamaShape.of(4, 2, 20, 96, 105, 2, 40);
    return Stream.of(
        Arguments.of(grouped, f32),
        Arguments.of(grouped, ExportStyle.F16),
        Arguments.of(grouped, f32.withGatherElements()),
        Arguments.of(grouped, f32.withQkvBias()),
        Arguments.of(grouped, ExportStyle.F16.withQkvBias()),
        Arguments.of(grouped, f32.withDynamicBatch()),
        Arguments.of(grouped, f32.withExternalData()),
        Arguments.of(grouped, f32.withOpset(18)),
        Arguments.of(grouped, f32.named(PieceNames.OTHER)),
        Arguments.of(LlamaShape.of(1, 1, 8, 172, 105, 1, 40), f32),
        Arguments.of(LlamaShape.of(3, 1, 48, 96, 512, 1, 64), f32),
        Arguments.of(LlamaShape.of(6, 6, 20, 200, 105, 2, 40), f32),
        Arguments.of(new LlamaShape(72, 8, 4, 16, 96, 105, 1, 40), f32.withDynamicBatch().in(OnnxElement.F16)));
  }

  @ParameterizedTest(name = "{0}; {1}")
  @MethodSource("generated")
  void everyPassKeepsTheMeaningOfAGeneratedModel(LlamaShape shape, ExportStyle style) {
    judge(LlamaModel.write(folder.resolve("model"), shape, style, 7), style.element() == OnnxElement.F16);
  }

  @ParameterizedTest
  @EnumSource
  void everyPassKeepsTheMeaningOfASharedModel(SharedModel model) {
    judge(model.pieces(), model.half());
  }

  private static void judge(PieceFolder pieces, boolean half) {
    float[][] expected;
    try (OnnxRuntimeModel judge = new OnnxRuntimeModel(pieces)) {
      expected = logits(judge::feed);
    }
    int bits = half ? 16 : 32;
    Pipeline pipeline = Pipeline.parse(
        DefaultPipeline.text(new DefaultPipeline.Settings(DefaultPipeline.WeightStorage.of(bits, 128), bits, bits, 256, 64)));
    List<String> judged = new ArrayList<>();
    try (ImportedModel imported = OnnxImporter.importModel(pieces.path())) {
      pipeline.run(imported.module(), new PassContext(), true, (step, pass, module) -> {
        LogitsAssert.assertClose(expected, evaluated(module), half ? 5e-3 : 1e-4, "after " + pass);
        judged.add(pass);
      });
    }
    List<String> all = new ArrayList<>(List.of("import"));
    pipeline.steps().forEach(s -> all.add(s.pass().name()));
    assertEquals(all, judged);
  }

  private static float[][] evaluated(Module module) {
    return logits(new EvaluatedModel(module)::feed);
  }

  @FunctionalInterface
  private interface Feed {
    float[][] feed(int... ids);
  }

  private static float[][] logits(Feed model) {
    return Arrays.stream(STEPS).map(model::feed).flatMap(Arrays::stream).toArray(float[][]::new);
  }
}
