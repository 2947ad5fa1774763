package dev.catena.tests.passes;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.passes.PassContext;
import dev.catena.passes.Pipeline;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.model.PieceNames;
import dev.catena.tests.shared.SharedModel;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** After {@code merge}, a Llama decoder is exactly what the paper draws, and nothing of the exporter is left. */
class OperationCountTest {
  /** QKV, output, gate and up, down are four products; QKV and gate with up are split again. */
  private static final Map<String, Integer> DECODER = Map.of("nn.rms_norm", 2, "nn.linear", 4, "nn.split", 2, "nn.rope",
      2, "nn.past_attention", 1, "nn.swiglu", 1, "nn.add", 2);

  @TempDir Path folder;

  static Stream<Arguments> generated() {
    ExportStyle f32 = ExportStyle.F32;
    LlamaShape grouped = LlamaShape.of(4, 2, 20, 96, 105, 2, 40);
    LlamaShape plain = LlamaShape.of(6, 6, 8, 172, 105, 1, 40);
    return Stream.of(Arguments.of(grouped, f32), Arguments.of(plain, f32), Arguments.of(grouped, ExportStyle.F16),
        Arguments.of(plain, ExportStyle.F16), Arguments.of(grouped, f32.withGatherElements()),
        Arguments.of(plain, f32.withGatherElements()), Arguments.of(grouped, f32.withQkvBias()),
        Arguments.of(grouped, f32.withDynamicBatch()), Arguments.of(plain, f32.withDynamicBatch()),
        Arguments.of(grouped, f32.withExternalData()), Arguments.of(grouped, f32.withOpset(18)),
        Arguments.of(grouped, f32.named(PieceNames.OTHER)));
  }

  @ParameterizedTest(name = "{0}; {1}")
  @MethodSource("generated")
  void aGeneratedModelIsRaisedWhole(LlamaShape shape, ExportStyle style) {
    PieceFolder pieces = LlamaModel.write(folder.resolve("model"), shape, style, 11);
    assertRaised(pieces, shape.layers());
  }

  @ParameterizedTest
  @EnumSource
  void aSharedModelIsRaisedWhole(SharedModel model) {
    assertRaised(model.pieces(), model.pieces().decoders().size());
  }

  private static void assertRaised(PieceFolder pieces, int layers) {
    try (ImportedModel imported = OnnxImporter.importModel(pieces.path())) {
      Module module = imported.module();
      Pipeline.parse("fold,widen,clean,sizes,rope-tables,raise,causal-mask,share,merge").run(module, new PassContext(), true, (n, pass, m) -> { });
      List<Stage> stages = module.stages();
      assertEquals(layers + 3, stages.size());
      assertEquals(Map.of("nn.embedding", 1), counts(stages.get(0)));
      for (Stage decoder : stages.subList(1, layers + 1)) {
        assertEquals(new TreeMap<>(DECODER), counts(decoder), decoder.name());
      }
      assertEquals(Map.of("nn.rms_norm", 1), counts(stages.get(layers + 1)));
      assertEquals(Map.of("nn.linear", 1), counts(stages.get(layers + 2)));
    }
  }

  private static Map<String, Integer> counts(Stage stage) {
    Map<String, Integer> counts = new TreeMap<>();
    for (Operation op : stage.operations()) {
      counts.merge(op.name(), 1, Integer::sum);
    }
    return counts;
  }
}
