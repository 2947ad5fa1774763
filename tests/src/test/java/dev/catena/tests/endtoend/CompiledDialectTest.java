package dev.catena.tests.endtoend;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.Form;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.LogitsAssert;
import dev.catena.tests.oracle.OnnxRuntimeModel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The code compiled for this CPU computes what ONNX Runtime does, from whatever dialect it was compiled: every form is in
 * one of these models. {@code DialectTest} takes the forms one by one, without compiling them.
 */
class CompiledDialectTest {
  private static final LlamaShape SHAPE = LlamaShape.of(4, 2, 20, 96, 105, 2, 40);
  private static final LlamaShape EQUAL_HEADS = LlamaShape.of(4, 4, 20, 96, 105, 2, 40);
  private static final int[][] STEPS = {{1, 17, 50, 3, 99}, {42}, {8}, {77, 0, 104}};
  /** Matrices that came quantized and weights in bf16 are compiled by tests of their own. */
  private static final EnumSet<Form> NOT_HERE = EnumSet.of(Form.STRANGE, Form.NORM_OPERATOR,
      Form.WEIGHTS_IN_BF16, Form.INT8_TENSOR, Form.INT8_CHANNEL, Form.UINT8_CHANNEL, Form.INT4_BLOCK, Form.UINT4_BLOCK,
      Form.DYNAMIC_INT8, Form.DYNAMIC_UINT8_CHANNEL);

  @TempDir Path folder;

  private static final ExportStyle F32 = ExportStyle.F32;
  private static final List<ExportStyle> STYLES = List.of(
      F32.with(Form.SHAPES_FOLDED, Form.MASK_BY_TRILU, Form.ANGLES_BY_MATMUL, Form.NORM_WITHOUT_CASTS, Form.MEAN_OF_PRODUCT),
      F32.with(Form.MASK_BY_SCATTER, Form.ANGLES_BY_MUL, Form.HALVES_BY_SPLIT, Form.SCALE_ON_BOTH, Form.GEMM_TRANSPOSED,
          Form.ROOT_AS_POWER, Form.REPEAT_BY_TILE).withQkvBias(),
      F32.with(Form.ROTATED_BEFORE_TRANSPOSE, Form.ROTATED_APART, Form.ANGLES_BY_EINSUM, Form.MASK_BY_RANGE, Form.QKV_SPLIT,
          Form.ROOT_RECIPROCAL, Form.REPEAT_BY_CONCAT),
      F32.with(Form.ROTATED_BEFORE_TRANSPOSE, Form.TABLE_BY_PAST, Form.MASK_FROM_INTEGERS, Form.GATE_UP_SPLIT, Form.QKV_SLICED,
          Form.ROOT_DIVIDES, Form.SILU_QUOTIENT).withQkvBias(),
      F32.with(Form.ROTATED_APART, Form.TABLE_UNCUT, Form.SOFTMAX_IN_F32, Form.REPEAT_BY_GATHER, Form.SCALE_ON_ROWS,
          Form.NORM_SCALE_RIGHT).withDynamicBatch(),
      F32.with(Form.GEMM, Form.MASK_ON_SCORES, Form.SCALE_ON_QUERY, Form.NORM_OF_ONNXRUNTIME, Form.SILU_REGROUPED)
          .withDynamicBatch().withOpset(18),
      F32.with(Form.NORM_SCALE_FIRST, Form.NEGATED_BY_MUL, Form.SCALE_BY_MUL, Form.SOFTMAX_PLAIN, Form.MASK_CUT,
          Form.WEIGHT_TRANSPOSED, Form.NO_OPERATIONS),
      F32.with(Form.KEYS_TURNED, Form.MASK_OF_BOOLEANS, Form.SOFTMAX_GUARDED, Form.ROWS_SQUEEZED),
      F32.with(Form.ATTENTION_IN_3D, Form.QKV_STACKED),
      F32.with(Form.QKV_STACKED_SPLIT, Form.MASK_BY_RANGE).withQkvBias(),
      F32.with(Form.NO_CACHE, Form.MASK_BY_TRILU, Form.QKV_INTERLEAVED).withQkvBias());

  /** By turns in f32 and in f16, unless {@code -Dcatena.tests.product=true}. */
  static Stream<ExportStyle> styles() {
    return Boolean.getBoolean("catena.tests.product") ? STYLES.stream().flatMap(s -> Stream.of(s, s.in(OnnxElement.F16)))
        : IntStream.range(0, STYLES.size()).mapToObj(i -> i % 2 == 0 ? STYLES.get(i) : STYLES.get(i).in(OnnxElement.F16));
  }

  @Test
  void everyFormIsInOneOfTheModels() {
    EnumSet<Form> here = EnumSet.copyOf(NOT_HERE);
    STYLES.forEach(s -> here.addAll(s.forms()));
    assertEquals(EnumSet.allOf(Form.class), here);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("styles")
  void compiledCodeComputesWhatOnnxRuntimeDoes(ExportStyle style) {
    boolean half = style.element() == OnnxElement.F16;
    LlamaShape shape = style.forms().stream().anyMatch(Form::needsEqualHeads) ? EQUAL_HEADS : SHAPE;
    PieceFolder pieces = LlamaModel.write(folder.resolve("model"), shape, style, 19);
    float[][] expected;
    try (OnnxRuntimeModel judge = new OnnxRuntimeModel(pieces)) {
      expected = logits(judge::feed);
    }
    Path artifact = ModelBench.compile(pieces, folder.resolve("model.catena"), "--wbits", half ? 16 : 32);
    try (CompiledModel model = new CompiledModel(artifact)) {
      LogitsAssert.assertClose(expected, logits(model::feed), half ? 1e-2 : 1e-4, "compiled");
    }
  }

  private static float[][] logits(Function<int[], float[][]> model) {
    return Arrays.stream(STEPS).map(model).flatMap(Arrays::stream).toArray(float[][]::new);
  }
}
