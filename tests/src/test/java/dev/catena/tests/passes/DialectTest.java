package dev.catena.tests.passes;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.passes.PassContext;
import dev.catena.passes.Pipeline;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.Form;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.oracle.EvaluatedModel;
import dev.catena.tests.oracle.OnnxRuntimeModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every dialect becomes the same few operations, and computes what ONNX Runtime does. */
class DialectTest {
  private static final Map<String, Integer> DECODER = Map.of("nn.rms_norm", 2, "nn.linear", 4, "nn.split", 2, "nn.rope", 2,
      "nn.attention", 1, "nn.kv_append", 1, "nn.swiglu", 1, "nn.add", 2);
  private static final LlamaShape SHAPE = LlamaShape.of(4, 2, 20, 96, 105, 2, 40);
  private static final LlamaShape EQUAL_HEADS = LlamaShape.of(4, 4, 20, 96, 105, 2, 40);
  private static final int[][] STEPS = {{1, 17, 50, 3, 99}, {42}, {8}, {77, 0, 104}};

  @TempDir Path folder;

  static Stream<Arguments> dialects() {
    List<Arguments> all = new ArrayList<>();
    for (Form form : Form.values()) {
      if (form == Form.STRANGE) { // refused: see ShortfallTest
        continue;
      }
      if (form == Form.DYNAMIC_INT8 || form == Form.DYNAMIC_UINT8_CHANNEL) { // computes something else: see QuantizedImportTest
        continue;
      }
      int opset = switch (form) {
        case NORM_OPERATOR -> 23; // RMSNormalization came with it
        case INT4_BLOCK, UINT4_BLOCK -> 21; // as did blocks and types of 4 bits
        default -> ExportStyle.F32.opset();
      };
      all.add(Arguments.of(ExportStyle.F32.with(form).withOpset(opset)));
      all.add(Arguments.of(ExportStyle.F16.with(form).withOpset(opset)));
    }
    ExportStyle f32 = ExportStyle.F32;
    List<ExportStyle> mixed = List.of(
        f32.with(Form.SHAPES_FOLDED, Form.MASK_BY_TRILU, Form.ANGLES_BY_MATMUL, Form.NORM_WITHOUT_CASTS),
        f32.with(Form.MASK_BY_SCATTER, Form.ANGLES_BY_MUL, Form.HALVES_BY_SPLIT, Form.SCALE_ON_BOTH, Form.GEMM_TRANSPOSED)
            .withQkvBias(),
        f32.with(Form.ROTATED_BEFORE_TRANSPOSE, Form.ROTATED_APART, Form.ANGLES_BY_EINSUM, Form.MASK_BY_RANGE, Form.QKV_SPLIT),
        f32.with(Form.ROTATED_BEFORE_TRANSPOSE, Form.TABLE_BY_PAST, Form.MASK_FROM_INTEGERS, Form.GATE_UP_SPLIT, Form.QKV_SLICED)
            .withQkvBias(),
        f32.with(Form.ROTATED_APART, Form.TABLE_UNCUT, Form.SOFTMAX_IN_F32, Form.REPEAT_BY_GATHER, Form.SCALE_ON_ROWS)
            .withDynamicBatch(),
        f32.with(Form.GEMM, Form.MASK_ON_SCORES, Form.ANGLES_BY_MATMUL, Form.SCALE_ON_QUERY).withDynamicBatch().withOpset(18));
    mixed.forEach(m -> {
      all.add(Arguments.of(m));
      all.add(Arguments.of(m.in(OnnxElement.F16)));
      all.add(Arguments.of(m.with(Form.NO_CACHE)));
    });
    for (Form form : List.of(Form.KEYS_TURNED, Form.MASK_OF_BOOLEANS, Form.MASK_FROM_INTEGERS, Form.MASK_BY_TRILU, Form.ATTENTION_IN_3D,
        Form.TABLE_BY_PAST, Form.SOFTMAX_GUARDED, Form.ROWS_SQUEEZED, Form.QKV_STACKED)) {
      all.add(Arguments.of(ExportStyle.F32.with(form, Form.NO_CACHE)));
    }
    return all.stream();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("dialects")
  void everyDialectIsRaisedWholeAndKeepsItsMeaning(ExportStyle style) {
    boolean half = style.element() == OnnxElement.F16;
    LlamaShape shape = style.forms().stream().anyMatch(Form::needsEqualHeads) ? EQUAL_HEADS : SHAPE;
    PieceFolder pieces = LlamaModel.write(folder.resolve("model"), shape, style, 5);
    float[][] expected;
    try (OnnxRuntimeModel judge = new OnnxRuntimeModel(pieces)) {
      expected = Arrays.stream(STEPS).map(judge::feed).flatMap(Arrays::stream).toArray(float[][]::new);
    }
    try (ImportedModel imported = OnnxImporter.importModel(pieces.path())) {
      Module module = imported.module();
      Pipeline.parse("fold,widen,clean,sizes,rope-tables{positions=64},raise,causal-mask,share,merge,name,kv-cache{key=32 value=32}")
          .run(module, new PassContext(), true, (step, pass, m) -> { });
      for (int layer = 1; layer <= SHAPE.layers(); layer++) {
        Map<String, Integer> counts = new TreeMap<>();
        for (Operation op : module.stages().get(layer).operations()) {
          counts.merge(op.name(), 1, Integer::sum);
        }
        assertEquals(new TreeMap<>(DECODER), counts, module.stages().get(layer).name());
      }
      EvaluatedModel model = new EvaluatedModel(module);
      float[][] actual = Arrays.stream(STEPS).map(model::feed).flatMap(Arrays::stream).toArray(float[][]::new);
      double worst = 0;
      double largest = 0;
      for (int r = 0; r < expected.length; r++) {
        for (int i = 0; i < expected[r].length; i++) {
          worst = Math.max(worst, Math.abs(expected[r][i] - actual[r][i]));
          largest = Math.max(largest, Math.abs(expected[r][i]));
        }
      }
      System.out.println("dialect " + style.element() + " " + style.forms() + " " + worst / largest);
      assertEquals(0, worst / largest, half ? 1e-2 : 1e-4, "error of the largest logit");
    }
  }
}
