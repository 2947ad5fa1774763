package dev.catena.tests.whole;

import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxContent;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.OnnxGraphWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What ONNX Runtime's optimizer and quantizer make of encoders such as BERT. */
class EncoderOperationTest extends JudgedOperation {
  private static final int HIDDEN = 16;
  private static final int HEADS = 2;

  private void integers(String name, long[] values, long... shape) {
    given.put(name, Tensor.ofLongs(ElementType.I32, values, shape));
    graph.input(name, OnnxElement.I32, Arrays.stream(shape).boxed().toArray());
  }

  /** The mask's lengths go from the embeddings to the attention. */
  @ParameterizedTest(name = "segments {0}, positions {1}, mask {2}")
  @CsvSource({"1, 0, 1", "0, 1, 1", "1, 1, 0"})
  void embedLayerNormalization(int segments, int positions, int mask) {
    integers("ids", new long[] {4, 0, 2, 1, 3, 3, 0, 5}, 2, 4);
    constant("words", 1, 6, HIDDEN);
    constant("places", 1, 9, HIDDEN);
    constant("gamma", 1, HIDDEN);
    constant("beta", 1, HIDDEN);
    if (segments == 1) {
      integers("segments", new long[] {0, 1, 1, 0, 1, 0, 0, 0}, 2, 4);
      constant("parts", 1, 2, HIDDEN);
    }
    if (positions == 1) {
      integers("positions", new long[] {3, 4, 5, 6, 0, 1, 2, 8}, 2, 4);
    }
    if (mask == 1) {
      integers("mask", new long[] {1, 1, 1, 1, 1, 1, 0, 0}, 2, 4);
    }
    graph.contrib("EmbedLayerNormalization", List.of("ids", segments == 1 ? "segments" : "", "words", "places", segments == 1 ? "parts" : "",
        "gamma", "beta", mask == 1 ? "mask" : "", positions == 1 ? "positions" : ""), List.of("x", "lengths", "sum"),
        OnnxAttribute.of("epsilon", 1e-5f));
    constant("w", 0.3, HIDDEN, 3 * HIDDEN);
    constant("b", 1, 3 * HIDDEN);
    graph.contrib("Attention", List.of("x", "w", "b", mask == 1 ? "lengths" : ""), List.of("y"), OnnxAttribute.of("num_heads", HEADS));
    graph.output("y", F32, 2, 4, HIDDEN);
    graph.output("sum", F32, 2, 4, HIDDEN);
    agree(2e-5);
  }

  /** Lengths of sequences; ends and starts; lengths and where sequences begin. */
  @ParameterizedTest
  @CsvSource({"'4, 2'", "'4, 3, 0, 1'", "'4, 2, 0, 4, 6, 0, 4, 6'"})
  void attentionWithAnIndexForAMask(String index) {
    realsOf("x", new Object[] {2, "s", HIDDEN}, 2, 4, HIDDEN);
    constant("w", 0.3, HIDDEN, 3 * HIDDEN);
    constant("b", 1, 3 * HIDDEN);
    long[] numbers = Arrays.stream(index.split(", ")).mapToLong(Long::parseLong).toArray();
    integers("index", numbers, numbers.length);
    graph.contrib("Attention", List.of("x", "w", "b", "index"), List.of("y"), OnnxAttribute.of("num_heads", HEADS));
    graph.output("y", F32, 2, "s", HIDDEN);
    agree(2e-5);
  }

  /** As quantize_dynamic leaves Attention; codes with a sign keep to what ONNX Runtime has room for on CPUs without VNNI (docs/testing.md). */
  @ParameterizedTest(name = "past {0}, a scale for each column {1}, codes {2}")
  @CsvSource({"0, 0, I8", "3, 0, U8", "0, 1, I8"})
  void quantizedAttention(int past, int columns, OnnxElement codes) {
    reals("x", 1, 3, HIDDEN);
    graph.node("DynamicQuantizeLinear", "codes", List.of("x"), List.of("codes", "scale", "zero"));
    int[] weights = random.ints(3 * HIDDEN * HIDDEN, codes == OnnxElement.I8 ? -64 : 0, codes == OnnxElement.I8 ? 65 : 128).toArray();
    graph.initializer("w", OnnxContent.codes(codes, weights, HIDDEN, 3 * HIDDEN));
    int scales = columns == 1 ? 3 * HIDDEN : 1;
    float[] numbers = new float[scales];
    for (int i = 0; i < scales; i++) {
      numbers[i] = 0.003f + i / 1e5f;
    }
    graph.initializer("w_scale", columns == 1 ? OnnxContent.reals(F32, numbers, scales) : OnnxContent.reals(F32, numbers));
    int[] zeros = random.ints(scales, 0, 5).toArray();
    graph.initializer("w_zero", columns == 1 ? OnnxContent.codes(codes, zeros, scales) : OnnxContent.codes(codes, zeros));
    constant("b", 1, 3 * HIDDEN);
    List<String> operands = new ArrayList<>(List.of("codes", "w", "b", "scale", "w_scale", "", "zero", "w_zero"));
    if (past > 0) {
      reals("past", 2, 1, HEADS, past, HIDDEN / HEADS);
      operands.add("past");
    }
    graph.contrib("QAttention", operands, past > 0 ? List.of("y", "present") : List.of("y"), OnnxAttribute.of("num_heads", HEADS),
        OnnxAttribute.of("unidirectional", past > 0 ? 1 : 0));
    graph.output("y", F32, "b", "s", HIDDEN);
    if (past > 0) {
      graph.output("present", F32, 2, "b", HEADS, "t", HIDDEN / HEADS);
    }
    agree(2e-5);
  }

  /** Cross attention of keys and values that come together. */
  @Test
  void multiHeadAttentionOfPackedKeysAndValues() {
    reals("q", 1, 3, HIDDEN);
    realsOf("kv", new Object[] {"b", "t", HEADS, 2, HIDDEN / HEADS}, 1, 5, HEADS, 2, HIDDEN / HEADS);
    graph.contrib("MultiHeadAttention", List.of("q", "kv"), List.of("y"), OnnxAttribute.of("num_heads", HEADS));
    graph.output("y", F32, "b", "s", HIDDEN);
    OnnxGraphWriter apart = new OnnxGraphWriter(17);
    apart.input("q", F32, "b", "s", HIDDEN);
    apart.input("kv", F32, 1, 5, HEADS, 2, HIDDEN / HEADS);
    apart.node("Split", "parts", List.of("kv"), List.of("k5", "v5"), OnnxAttribute.of("axis", 3));
    apart.initializer("rows", OnnxContent.longs(new long[] {1, 5, HIDDEN}, 3));
    apart.node("Reshape", "k", List.of("k5", "rows"), List.of("k"));
    apart.node("Reshape", "v", List.of("v5", "rows"), List.of("v"));
    apart.contrib("MultiHeadAttention", List.of("q", "k", "v"), List.of("y"), OnnxAttribute.of("num_heads", HEADS));
    apart.output("y", F32, "b", "s", HIDDEN);
    agree(apart, 2e-5);
  }

  @ParameterizedTest
  @CsvSource({"Relu", "LeakyRelu", "Tanh"})
  void fusedGemm(String activation) {
    reals("x", 3, 5);
    constant("w", 1, 7, 5);
    constant("c", 1, 7);
    graph.contrib("FusedGemm", List.of("x", "w", "c"), List.of("y"), OnnxAttribute.of("transB", 1), OnnxAttribute.of("alpha", 0.5f),
        OnnxAttribute.of("beta", 2f), OnnxAttribute.of("activation", activation), OnnxAttribute.of("activation_alpha", 0.1f));
    graph.output("y", F32, "r", 7);
    agree(1e-5);
  }

  /** As quantize_static writes them with an option. */
  @Test
  void quantizeLinearOfContrib() {
    reals("x", 3, 8);
    graph.initializer("scale", OnnxContent.reals(F32, new float[] {0.001f}));
    graph.initializer("zero", OnnxContent.codes(OnnxElement.U8, new int[] {117}));
    graph.contrib("QuantizeLinear", List.of("x", "scale", "zero"), List.of("codes"));
    graph.contrib("DequantizeLinear", List.of("codes", "scale", "zero"), List.of("y"));
    graph.output("y", F32, "r", 8);
    agree(1e-6);
  }

  /** ONNX Runtime's own kernel wants blocks of channels; it judges the operations that were fused. */
  @Test
  void fusedConvolution() {
    reals("x", 1, 2, 6, 5);
    reals("z", 1, 3, 4, 3);
    float[] w = constant("w", 1, 3, 2, 3, 3);
    graph.contrib("FusedConv", List.of("x", "w", "", "z"), List.of("y"), OnnxAttribute.of("activation", "Relu"),
        OnnxAttribute.ints("kernel_shape", 3, 3));
    graph.output("y", F32, "b", 3, "h", "w");
    OnnxGraphWriter apart = new OnnxGraphWriter(17);
    apart.input("x", F32, 1, 2, 6, 5);
    apart.input("z", F32, 1, 3, 4, 3);
    apart.initializer("w", OnnxContent.reals(F32, w, 3, 2, 3, 3));
    apart.node("Conv", "conv", List.of("x", "w"), List.of("c"), OnnxAttribute.ints("kernel_shape", 3, 3));
    apart.node("Add", "add", List.of("c", "z"), List.of("s"));
    apart.node("Relu", "relu", List.of("s"), List.of("y"));
    apart.output("y", F32, 1, 3, 4, 3);
    agree(apart, 1e-5);
  }

  /** ONNX Runtime has it on GPUs only; it judges the operations that were fused. */
  @Test
  void biasSoftmax() {
    reals("x", 2, 3, 4, 5);
    float[] bias = constant("bias", 1, 2, 1, 1, 5);
    graph.contrib("BiasSoftmax", List.of("x", "bias"), List.of("y"), OnnxAttribute.of("axis", 3), OnnxAttribute.of("is_inner_broadcast", 1));
    graph.output("y", F32, "b", 3, "s", 5);
    OnnxGraphWriter apart = new OnnxGraphWriter(17);
    apart.input("x", F32, 2, 3, 4, 5);
    apart.initializer("bias", OnnxContent.reals(F32, bias, 2, 1, 1, 5));
    apart.node("Add", "add", List.of("x", "bias"), List.of("s"));
    apart.node("Softmax", "softmax", List.of("s"), List.of("y"), OnnxAttribute.of("axis", 3));
    apart.output("y", F32, 2, 3, 4, 5);
    agree(apart, 1e-5);
  }
}
