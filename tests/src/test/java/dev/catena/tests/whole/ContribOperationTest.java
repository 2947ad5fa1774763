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

/** What Catena makes of ONNX Runtime's contrib operations computes what ONNX Runtime does. */
class ContribOperationTest extends JudgedOperation {
  @Test
  void skipSimplifiedLayerNormalization() {
    reals("x", 1, 3, 8);
    reals("skip", 1, 3, 8);
    constant("gamma", 1, 8);
    constant("bias", 1, 8);
    graph.contrib("SkipSimplifiedLayerNormalization", List.of("x", "skip", "gamma", "bias"), List.of("y", "", "", "sum"),
        OnnxAttribute.of("epsilon", 1e-3f));
    graph.output("y", F32, "b", "s", 8);
    graph.output("sum", F32, "b", "s", 8);
    agree(1e-5);
  }

  @Test
  void skipLayerNormalization() {
    reals("x", 2, 3, 8);
    reals("skip", 2, 3, 8);
    constant("gamma", 1, 8);
    constant("beta", 1, 8);
    constant("bias", 1, 8);
    graph.contrib("SkipLayerNormalization", List.of("x", "skip", "gamma", "beta", "bias"), List.of("y"),
        OnnxAttribute.of("epsilon", 1e-3f));
    graph.output("y", F32, "b", "s", 8);
    agree(1e-5);
  }

  @Test
  void quickGelu() {
    reals("x", 2, 9);
    graph.contrib("QuickGelu", List.of("x"), List.of("y"), OnnxAttribute.of("alpha", 1.5f));
    graph.output("y", F32, "b", 9);
    agree(1e-5);
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "1, 0", "0, 3", "1, 3"})
  void rotaryEmbedding(int interleaved, int heads) {
    reals("x", 2, 3, 24);
    long[] positions = {4, 5, 6, 0, 1, 2};
    given.put("positions", Tensor.i64(positions, 2, 3));
    graph.input("positions", OnnxElement.I64, "b", "s");
    boolean partial = heads > 0; // 3 heads of 8, of which 4 columns turn
    tables(9, partial ? 2 : 3);
    List<OnnxAttribute> attributes = new ArrayList<>(List.of(OnnxAttribute.of("interleaved", interleaved)));
    if (partial) {
      attributes.add(OnnxAttribute.of("num_heads", heads));
      attributes.add(OnnxAttribute.of("rotary_embedding_dim", 4));
    }
    graph.contrib("RotaryEmbedding", List.of("x", "positions", "cos", "sin"), List.of("y"),
        attributes.toArray(OnnxAttribute[]::new));
    graph.output("y", F32, "b", "s", 24);
    agree(1e-5);
  }

  @ParameterizedTest
  @CsvSource({"Gelu, 0", "BiasGelu, 1", "FastGelu, 0", "FastGelu, 1"})
  void gelu(String operation, int bias) {
    reals("x", 2, 9);
    List<String> operands = new ArrayList<>(List.of("x"));
    if (bias == 1) {
      constant("bias", 1, 9);
      operands.add("bias");
    }
    graph.contrib(operation, operands, List.of("y"));
    graph.output("y", F32, "b", 9);
    agree(1e-5);
  }

  /** With a bias, a past, a mask of ones and zeros, an additive mask, a causal one. */
  @ParameterizedTest
  @CsvSource({"1, 0, 0, 0, 0", "0, 3, 1, 0, 0", "0, 3, 0, 1, 0", "1, 2, 0, 0, 1"})
  void multiHeadAttention(int bias, int past, int padding, int additive, int unidirectional) {
    int rows = 3;
    for (String name : List.of("q", "k", "v")) {
      reals(name, 1, rows, 24);
    }
    List<String> operands = new ArrayList<>(List.of("q", "k", "v"));
    operands.add(bias == 1 ? "bias" : "");
    if (bias == 1) {
      constant("bias", 1, 72);
    }
    operands.add(padding == 1 ? "padding" : "");
    if (padding == 1) {
      padding("padding", past + rows);
    }
    operands.add(additive == 1 ? "additive" : "");
    if (additive == 1) {
      constant("additive", 1, 1, 1, rows, past + rows);
    }
    List<String> results = new ArrayList<>(List.of("y"));
    if (past > 0) {
      reals("past_key", 1, 3, past, 8);
      reals("past_value", 1, 3, past, 8);
      operands.addAll(List.of("past_key", "past_value"));
      results.addAll(List.of("present_key", "present_value"));
    }
    graph.contrib("MultiHeadAttention", operands, results, OnnxAttribute.of("num_heads", 3),
        OnnxAttribute.of("unidirectional", unidirectional), OnnxAttribute.of("scale", 0.4f));
    graph.output("y", F32, "b", "s", 24);
    if (past > 0) {
      graph.output("present_key", F32, "b", 3, "t", 8);
      graph.output("present_value", F32, "b", 3, "t", 8);
    }
    agree(2e-5);
  }

  @ParameterizedTest
  @CsvSource({"0, 0, 1", "3, 1, 1", "2, 1, 0"})
  void attentionWithOneWeightAndOnePast(int past, int mask, int unidirectional) {
    reals("x", 1, 3, 10);
    constant("w", 0.3, 10, 72);
    constant("b", 1, 72);
    List<String> operands = new ArrayList<>(List.of("x", "w", "b", mask == 1 ? "mask" : ""));
    if (mask == 1) {
      padding("mask", past + 3);
    }
    if (past > 0) {
      reals("past", 2, 1, 3, past, 8);
      operands.add("past");
    }
    graph.contrib("Attention", operands, past > 0 ? List.of("y", "present") : List.of("y"), OnnxAttribute.of("num_heads", 3),
        OnnxAttribute.of("unidirectional", unidirectional));
    graph.output("y", F32, "b", "s", 24);
    if (past > 0) {
      graph.output("present", F32, 2, "b", 3, "t", 8);
    }
    agree(2e-5);
  }

  @ParameterizedTest
  @CsvSource({"4, 1", "4, 0", "8, 1", "8, 0"})
  void gatherBlockQuantized(int bits, int zeros) {
    int columns = 32;
    given.put("ids", Tensor.i64(new long[] {4, 0, 2}, 1, 3));
    graph.input("ids", OnnxElement.I64, "b", "s");
    bytes("codes", 256, 5, columns * bits / 8);
    float[] scales = new float[5 * 2];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = (1 + random.nextInt(100)) / 1024f; // exact in f16
    }
    graph.initializer("scales", OnnxContent.reals(F32, scales, 5, 2));
    List<String> operands = new ArrayList<>(List.of("codes", "ids", "scales"));
    if (zeros == 1) {
      bytes("zeros", 256, 5, 2 * bits / 8);
      operands.add("zeros");
    }
    graph.contrib("GatherBlockQuantized", operands, List.of("y"), OnnxAttribute.of("bits", bits), OnnxAttribute.of("block_size", 16),
        OnnxAttribute.of("gather_axis", 0), OnnxAttribute.of("quantize_axis", 1));
    graph.output("y", F32, "b", "s", columns);
    agree(1e-5);
  }

  @ParameterizedTest
  @CsvSource({"4, 1, 16, 44, 0", "4, 0, 16, 44, 0", "8, 1, 16, 44, 0", "8, 0, 16, 44, 0", "2, 0, 32, 44, 0", "2, 1, 32, 44, 0",
      "4, 0, 16, 48, 1", "4, 0, 32, 64, 1"})
  void matMulNBits(int bits, int zeros, int block, int columns, int ordered) {
    reals("x", 1, 2, columns);
    int blocks = (columns + block - 1) / block; // the last one padded
    bytes("codes", 256, 5, blocks, block * bits / 8);
    float[] scales = new float[5 * blocks];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = (random.nextFloat() + 0.01f) / 10 * (random.nextBoolean() ? 1 : -1); // kept in f32
    }
    graph.initializer("scales", OnnxContent.reals(F32, scales, 5 * blocks));
    List<String> operands = new ArrayList<>(List.of("x", "codes", "scales"));
    if (zeros == 1) {
      bytes("zeros", 256, 5L * ((blocks * bits + 7) / 8));
      operands.add("zeros");
    }
    if (ordered == 1) { // columns in no order of their groups, as act-order leaves them; with zero points ONNX Runtime takes 8 for each
      int[] groups = new int[columns];
      for (int i = 0; i < columns; i++) {
        groups[i] = (i * 7 + i / 5) % blocks;
      }
      graph.initializer("groups", OnnxContent.ints(groups, columns));
      if (zeros == 0) {
        operands.add("");
      }
      operands.add("groups");
    }
    graph.contrib("MatMulNBits", operands, List.of("y"), OnnxAttribute.of("K", columns), OnnxAttribute.of("N", 5),
        OnnxAttribute.of("bits", bits), OnnxAttribute.of("block_size", block));
    graph.output("y", F32, "b", "s", 5);
    agree(bits == 8 ? 2e-2 : 2e-3); // sums of 44 products of up to 255 steps
  }

  @ParameterizedTest(name = "past {0}, rows {1}, packed {2}, rotary {3}, interleaved {4}, window {5}, softcap {6}, inputs {7}, sinks {8}")
  @CsvSource({"0, 5, 1, 1, 0, -1, 0, 9, ''", "3, 1, 1, 1, 0, -1, 0, 9, ''", "3, 1, 0, 1, 1, -1, 0, 9, ''", "0, 5, 0, 0, 0, -1, 0, 7, ''",
      "6, 1, 1, 1, 0, 3, 0, 9, ''", "0, 6, 1, 0, 0, 3, 0, 7, ''", "0, 5, 1, 1, 0, -1, 2.5, 9, ''", "3, 1, 0, 1, 0, -1, 0, 12, ''",
      "3, 2, 1, 1, 0, -1, 0, 10, ''", "3, 2, 0, 1, 0, -1, 0, 11, ''", "3, 2, 0, 1, 0, 3, 0, 11, given", "3, 1, 0, 1, 0, -1, 0, 9, zero"})
  void groupQueryAttention(int past, int rows, int packed, int rotary, int interleaved, int window, float softcap, int inputs, String sinks) {
    int heads = 4;
    int kvHeads = 2;
    int size = 16;
    reals("q", 1, rows, (heads + (packed == 1 ? 2 * kvHeads : 0)) * size);
    if (packed == 0) {
      reals("k", 1, rows, kvHeads * size);
      reals("v", 1, rows, kvHeads * size);
    }
    reals("past_key", 1, kvHeads, past, size);
    reals("past_value", 1, kvHeads, past, size);
    given.put("lengths", Tensor.ofLongs(ElementType.I32, new long[] {past + rows - 1}, 1));
    graph.input("lengths", OnnxElement.I32, "b");
    given.put("total", Tensor.ofLongs(ElementType.I32, new long[] {past + rows}));
    graph.input("total", OnnxElement.I32);
    tables(12, size / 2);
    List<String> operands = new ArrayList<>(List.of("q", packed == 1 ? "" : "k", packed == 1 ? "" : "v", "past_key",
        "past_value", "lengths", "total"));
    if (inputs > 7) {
      operands.addAll(List.of("cos", "sin"));
    }
    if (inputs == 10 || inputs == 11) {
      long[] positions = new long[rows];
      Arrays.setAll(positions, i -> 2 + 3L * i); // other ones than where the rows stand
      given.put("positions", Tensor.i64(positions, 1, rows));
      graph.input("positions", OnnxElement.I64, "b", "s");
      operands.add("positions");
    }
    if (inputs == 11) {
      constant("attention_bias", 1, 1, 1, rows, past + rows);
      operands.add("attention_bias");
    }
    while (operands.size() < inputs) {
      operands.add("");
    }
    if (sinks.equals("given")) {
      constant("head_sink", 1, heads);
      operands.add("head_sink");
    }
    List<OnnxAttribute> attributes = new ArrayList<>(List.of(OnnxAttribute.of("num_heads", heads),
        OnnxAttribute.of("kv_num_heads", kvHeads), OnnxAttribute.of("do_rotary", rotary),
        OnnxAttribute.of("rotary_interleaved", interleaved), OnnxAttribute.of("local_window_size", window),
        OnnxAttribute.of("softcap", softcap)));
    if (sinks.equals("zero")) {
      attributes.add(OnnxAttribute.of("smooth_softmax", 1));
    }
    if (inputs == 7) {
      attributes.add(OnnxAttribute.of("scale", 0.4f));
    }
    graph.contrib("GroupQueryAttention", operands, List.of("y", "present_key", "present_value"),
        attributes.toArray(OnnxAttribute[]::new));
    graph.output("y", F32, "b", "s", heads * size);
    graph.output("present_key", F32, "b", kvHeads, "t", size);
    graph.output("present_value", F32, "b", kvHeads, "t", size);
    agree(2e-5);
  }

  /** Queries, keys and values of each head side by side in one operand, which ONNX Runtime knows on GPUs only; it judges them apart. */
  @ParameterizedTest
  @CsvSource({"0, 0", "1, 1"})
  void multiHeadAttentionOfPackedHeads(int padding, int unidirectional) {
    realsOf("qkv", new Object[] {"b", "s", 3, 3, 8}, 1, 4, 3, 3, 8);
    List<String> operands = new ArrayList<>(List.of("qkv", "", "", "", padding == 1 ? "padding" : ""));
    if (padding == 1) {
      padding("padding", 4);
    }
    OnnxAttribute[] attributes = {OnnxAttribute.of("num_heads", 3), OnnxAttribute.of("unidirectional", unidirectional)};
    graph.contrib("MultiHeadAttention", operands, List.of("y"), attributes);
    graph.output("y", F32, "b", "s", 24);
    OnnxGraphWriter apart = new OnnxGraphWriter(17);
    apart.input("qkv", F32, 1, 4, 3, 3, 8);
    if (padding == 1) {
      apart.input("padding", OnnxElement.I32, "b", "total");
    }
    apart.node("Split", "parts", List.of("qkv"), List.of("q5", "k5", "v5"), OnnxAttribute.of("axis", 3));
    apart.initializer("rows", OnnxContent.longs(new long[] {1, 4, 24}, 3));
    for (String part : List.of("q", "k", "v")) {
      apart.node("Reshape", part, List.of(part + "5", "rows"), List.of(part));
    }
    apart.contrib("MultiHeadAttention", List.of("q", "k", "v", "", padding == 1 ? "padding" : ""), List.of("y"), attributes);
    apart.output("y", F32, "b", "s", 24);
    agree(apart, 2e-5);
  }

  /** Codes that are elements of a type of 4 bits. */
  @ParameterizedTest
  @CsvSource({"U4, 1", "U4, 0", "I4, 1", "I4, 0"})
  void gatherBlockQuantizedOfTypedCodes(OnnxElement type, int zeros) {
    given.put("ids", Tensor.i64(new long[] {4, 0, 2}, 1, 3));
    graph.input("ids", OnnxElement.I64, "b", "s");
    graph.initializer("codes", OnnxContent.codes(type, random.ints(5 * 32, 0, 16).toArray(), 5, 32));
    float[] scales = new float[5 * 2];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = (1 + random.nextInt(100)) / 1024f;
    }
    graph.initializer("scales", OnnxContent.reals(F32, scales, 5, 2));
    List<String> operands = new ArrayList<>(List.of("codes", "ids", "scales"));
    if (zeros == 1) {
      graph.initializer("zeros", OnnxContent.codes(type, random.ints(5 * 2, 0, 16).toArray(), 5, 2));
      operands.add("zeros");
    }
    graph.contrib("GatherBlockQuantized", operands, List.of("y"), OnnxAttribute.of("block_size", 16),
        OnnxAttribute.of("gather_axis", 0), OnnxAttribute.of("quantize_axis", 1));
    graph.output("y", F32, "b", "s", 32);
    agree(1e-5);
  }

  /** Zero points as numbers: such as a code could be, and such as none can. With a bias, in each size of a block. */
  @ParameterizedTest(name = "{0} bits, blocks of {1}, fractions {2}")
  @CsvSource({"4, 16, 0", "4, 32, 1", "4, 64, 0", "4, 128, 1", "4, 256, 0"}) // of 8 bits ONNX Runtime takes no such zero points
  void matMulNBitsWithNumbersForZeroPoints(int bits, int block, int fractions) {
    int columns = block + block / 2;
    reals("x", 1, 2, columns);
    bytes("codes", 256, 5, 2, block * bits / 8);
    float[] scales = new float[10];
    float[] zeros = new float[10];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = (1 + random.nextInt(20)) / 1024f;
      zeros[i] = random.nextInt(1 << bits) + (fractions == 1 ? random.nextFloat() : 0);
    }
    graph.initializer("scales", OnnxContent.reals(F32, scales, 5, 2));
    graph.initializer("zeros", OnnxContent.reals(F32, zeros, 5, 2));
    constant("bias", 1, 5);
    graph.contrib("MatMulNBits", List.of("x", "codes", "scales", "zeros", "", "bias"), List.of("y"), OnnxAttribute.of("K", columns),
        OnnxAttribute.of("N", 5), OnnxAttribute.of("bits", bits), OnnxAttribute.of("block_size", block));
    graph.output("y", F32, "b", "s", 5);
    agree(2e-3);
  }

  /** Codes of 4 bits along other axes than a table's columns, and the last block shorter than the others. */
  @ParameterizedTest(name = "{0}: axis {2} of blocks, axis {1} of what is picked, {3}")
  @CsvSource({"U4, 0, 0, '40, 6'", "I4, 1, 1, '5, 40'", "U4, 1, 0, '40, 6'", "U4, 0, 2, '3, 4, 40'", "I4, -2, -1, '3, 4, 40'", "U8, 0, 1, '5, 28'"})
  void gatherBlockQuantizedAlongOtherAxes(OnnxElement type, int gathered, int along, String dims) {
    long[] shape = Arrays.stream(dims.split(", ")).mapToLong(Long::parseLong).toArray();
    given.put("ids", Tensor.i64(new long[] {2, 0}, 2));
    graph.input("ids", OnnxElement.I64, 2);
    long[] blocks = shape.clone();
    int last = shape.length - 1;
    blocks[last] *= type == OnnxElement.U8 ? 2 : 1;
    blocks[Math.floorMod(along, shape.length)] = (blocks[Math.floorMod(along, shape.length)] + 15) / 16;
    long[] zeros = blocks.clone();
    zeros[last] = type == OnnxElement.U8 ? (zeros[last] + 1) / 2 : zeros[last];
    int count = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    int scales = (int) Arrays.stream(blocks).reduce(1, (a, b) -> a * b);
    if (type == OnnxElement.U8) {
      bytes("codes", 256, shape);
      bytes("zeros", 256, zeros);
    } else {
      graph.initializer("codes", OnnxContent.codes(type, random.ints(count, 0, 16).toArray(), shape));
      graph.initializer("zeros", OnnxContent.codes(type, random.ints(scales, 0, 16).toArray(), zeros));
    }
    float[] numbers = new float[scales];
    for (int i = 0; i < scales; i++) {
      numbers[i] = (1 + random.nextInt(100)) / 1024f;
    }
    graph.initializer("scales", OnnxContent.reals(F32, numbers, blocks));
    graph.contrib("GatherBlockQuantized", List.of("codes", "ids", "scales", "zeros"), List.of("y"), OnnxAttribute.of("block_size", 16),
        OnnxAttribute.of("gather_axis", gathered), OnnxAttribute.of("quantize_axis", along));
    Object[] out = new Object[shape.length];
    Arrays.setAll(out, i -> "d" + i);
    graph.output("y", F32, out);
    agree(1e-5);
  }
}
