package dev.catena.tests.whole;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxContent;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.OnnxGraphWriter;
import dev.catena.tests.oracle.OnnxRuntimeGraph;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What Catena makes of ONNX Runtime's contrib operations computes what ONNX Runtime does. */
class ContribOperationTest {
  private static final OnnxElement F32 = OnnxElement.F32;

  @TempDir Path folder;
  private final Random random = new Random(11);
  private final OnnxGraphWriter graph = new OnnxGraphWriter(17);
  private final Map<String, Tensor> given = new LinkedHashMap<>();

  private void reals(String name, long... shape) {
    realsOf(name, dims(name, shape), shape);
  }

  private void realsOf(String name, Object[] dims, long... shape) {
    Tensor t = new Tensor(ElementType.F32, shape);
    for (int i = 0; i < t.size(); i++) {
      t.set(i, (float) random.nextGaussian());
    }
    given.put(name, t);
    graph.input(name, F32, dims);
  }

  /** All sizes but the last are names, as in files with dynamic axes. */
  private static Object[] dims(String name, long[] shape) {
    Object[] dims = new Object[shape.length];
    for (int i = 0; i < dims.length; i++) {
      boolean heads = shape.length == 4 && i == 1;
      dims[i] = i == dims.length - 1 || heads ? (Object) shape[i] : name + "_" + i;
    }
    return dims;
  }

  private float[] constant(String name, double spread, long... shape) {
    int n = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (random.nextGaussian() * spread);
    }
    graph.initializer(name, OnnxContent.reals(F32, values, shape));
    return values;
  }

  private void bytes(String name, int below, long... shape) {
    byte[] values = new byte[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (byte) random.nextInt(below);
    }
    graph.initializer(name, OnnxContent.bytes(values, shape));
  }

  /** Angles, so that cosines and sines belong together. */
  private void tables(int positions, int half) {
    float[] cos = new float[positions * half];
    float[] sin = new float[positions * half];
    for (int i = 0; i < cos.length; i++) {
      double angle = i / half * Math.pow(100, -(i % half) / (double) half);
      cos[i] = (float) Math.cos(angle);
      sin[i] = (float) Math.sin(angle);
    }
    graph.initializer("cos", OnnxContent.reals(F32, cos, positions, half));
    graph.initializer("sin", OnnxContent.reals(F32, sin, positions, half));
  }

  private void agree(double tolerance) {
    agree(graph, tolerance);
  }

  /** With a graph of the same meaning that the judge knows. */
  private void agree(OnnxGraphWriter judged, double tolerance) {
    Path file = folder.resolve("contrib.onnx");
    judged.write(file);
    Map<String, float[]> expected = OnnxRuntimeGraph.run(file, given);
    graph.write(file);
    try (ImportedModel imported = OnnxImporter.importStage(file)) {
      Stage stage = imported.module().stages().get(0);
      List<EvalValue> arguments = new ArrayList<>(given.values());
      List<EvalValue> actual = new Evaluator().run(stage, arguments);
      assertEquals(expected.size(), actual.size());
      int at = 0;
      for (Map.Entry<String, float[]> e : expected.entrySet()) {
        Tensor t = (Tensor) actual.get(at++);
        assertEquals(e.getValue().length, t.size(), e.getKey());
        for (int i = 0; i < t.size(); i++) {
          assertEquals(e.getValue()[i], t.get(i), tolerance, e.getKey() + " " + i);
        }
      }
    }
  }

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

  private void padding(String name, int total) {
    long[] seen = new long[total];
    Arrays.fill(seen, 1);
    seen[0] = 0;
    given.put(name, Tensor.ofLongs(ElementType.I32, seen, 1, total));
    graph.input(name, OnnxElement.I32, "b", "total");
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
}
