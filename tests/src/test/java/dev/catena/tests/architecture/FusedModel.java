package dev.catena.tests.architecture;

import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxElement;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Writes small models whose layers are made of operations that do a whole attention, norm or activation each. */
final class FusedModel {
  /** Whose operations. */
  enum Style {
    /** ONNX's own of opset 23: RMSNormalization, RotaryEmbedding, Attention. */
    OPSET_23,
    /** ONNX Runtime's MultiHeadAttention, SkipLayerNormalization, BiasGelu. */
    MULTI_HEAD,
    /** ONNX Runtime's Attention, with keys and values in one past, as its tools write GPT-2. */
    STACKED_PAST
  }

  static final int VOCABULARY = 61;
  static final int HEADS = 4;
  static final int SIZE = 8;
  static final int LAYERS = 2;
  static final int POSITIONS = 32;
  private static final int HIDDEN = 24;
  private static final int FFN = 40;
  private static final int ROTATED = 6;

  private final Style style;
  private final ModelGraph g;
  private String cos;
  private String sin;

  private FusedModel(Style style) {
    this.style = style;
    g = new ModelGraph(style == Style.OPSET_23 ? 23 : 17, 8);
  }

  static Path write(Path file, Style style) {
    FusedModel model = new FusedModel(style);
    model.build();
    model.g.writer.write(file);
    return file;
  }

  static int kvHeads(Style style) {
    return style == Style.OPSET_23 ? 2 : HEADS;
  }

  private void build() {
    g.writer.input("input_ids", OnnxElement.I64, "batch", "seq");
    g.writer.input("position_ids", OnnxElement.I64, "batch", "seq");
    if (style == Style.STACKED_PAST) {
      g.writer.input("attention_mask", OnnxElement.I32, "batch", "total");
    }
    for (int i = 0; i < LAYERS; i++) {
      if (style == Style.STACKED_PAST) {
        g.writer.input("past_" + i, OnnxElement.F32, 2, "batch", HEADS, "past", SIZE);
        g.writer.output("present_" + i, OnnxElement.F32, 2, "batch", HEADS, "total", SIZE);
        continue;
      }
      for (String part : List.of("key", "value")) {
        g.writer.input("past_" + i + "." + part, OnnxElement.F32, "batch", kvHeads(style), "past", SIZE);
        g.writer.output("present_" + i + "." + part, OnnxElement.F32, "batch", kvHeads(style), "total", SIZE);
      }
    }
    g.writer.output("logits", OnnxElement.F32, "batch", "seq", VOCABULARY);
    String x = g.op("Gather", List.of(g.weight(0, 1, VOCABULARY, HIDDEN), "input_ids"));
    if (style == Style.OPSET_23) {
      tables();
    } else {
      x = g.op("Add", List.of(x, g.op("Gather", List.of(g.weight(0, 1, POSITIONS, HIDDEN), "position_ids"))));
    }
    String normed = style == Style.OPSET_23 ? rmsNorm(x) : g.layerNorm(x, HIDDEN, true);
    for (int i = 0; i < LAYERS; i++) {
      String[] middle = added(x, attention(i, normed));
      String[] end = added(middle[0], mlp(middle[1]));
      x = end[0];
      normed = end[1];
    }
    g.output("logits", g.linear(normed, HIDDEN, VOCABULARY, 2, false));
  }

  private void tables() {
    float[] c = new float[POSITIONS * ROTATED / 2];
    float[] s = new float[c.length];
    for (int i = 0; i < c.length; i++) {
      double angle = i / (ROTATED / 2) * Math.pow(50, -(i % (ROTATED / 2)) / 3.0);
      c[i] = (float) Math.cos(angle);
      s[i] = (float) Math.sin(angle);
    }
    cos = g.given(c, POSITIONS, ROTATED / 2);
    sin = g.given(s, POSITIONS, ROTATED / 2);
  }

  private String rmsNorm(String x) {
    return g.op("RMSNormalization", List.of(x, g.weight(1, 0.2, HIDDEN)), OnnxAttribute.of("epsilon", 1e-5f));
  }

  /** The sum, and its norm. */
  private String[] added(String x, String branch) {
    if (style == Style.OPSET_23) {
      String sum = g.op("Add", List.of(x, branch));
      return new String[] {sum, rmsNorm(sum)};
    }
    String[] results = g.contrib(4, "SkipLayerNormalization", List.of(x, branch, g.weight(1, 0.2, HIDDEN), g.weight(0, 0.2, HIDDEN)),
        OnnxAttribute.of("epsilon", 1e-5f));
    return new String[] {results[3], results[0]};
  }

  private String mlp(String x) {
    if (style == Style.OPSET_23) {
      return g.linear(g.op("Gelu", List.of(g.linear(x, HIDDEN, FFN, 1, true)), OnnxAttribute.of("approximate", "tanh")), FFN, HIDDEN, 1, false);
    }
    String up = g.linear(x, HIDDEN, FFN, 1, false);
    return g.linear(g.contrib(1, style == Style.MULTI_HEAD ? "BiasGelu" : "FastGelu", List.of(up, g.weight(0, 0.3, FFN)))[0], FFN, HIDDEN, 1,
        true);
  }

  private String attention(int i, String x) {
    int width = HEADS * SIZE;
    String attended;
    if (style == Style.STACKED_PAST) {
      String[] results = g.contrib(2, "Attention", List.of(x, g.weight(0, 0.3, HIDDEN, 3 * width), g.weight(0, 0.3, 3 * width), "attention_mask",
          "past_" + i), OnnxAttribute.of("num_heads", HEADS), OnnxAttribute.of("unidirectional", 1));
      g.output("present_" + i, results[1]);
      attended = results[0];
    } else {
      int kvWidth = kvHeads(style) * SIZE;
      String q = g.linear(x, HIDDEN, width, 1.5, false);
      String k = g.linear(x, HIDDEN, kvWidth, 1.5, false);
      String v = g.linear(x, HIDDEN, kvWidth, 1, false);
      String[] results;
      if (style == Style.OPSET_23) {
        results = g.ops(3, "Attention", List.of(turned(q, HEADS), turned(k, kvHeads(style)), v, "", "past_" + i + ".key", "past_" + i + ".value"),
            OnnxAttribute.of("is_causal", 1), OnnxAttribute.of("q_num_heads", HEADS), OnnxAttribute.of("kv_num_heads", kvHeads(style)));
      } else {
        results = g.contrib(3, "MultiHeadAttention", new ArrayList<>(Arrays.asList(q, k, v, g.weight(0, 0.3, 3 * width), "", causal(i),
            "past_" + i + ".key", "past_" + i + ".value")), OnnxAttribute.of("num_heads", HEADS));
      }
      g.output("present_" + i + ".key", results[1]);
      g.output("present_" + i + ".value", results[2]);
      attended = results[0];
    }
    return g.linear(attended, width, HIDDEN, 1, style != Style.OPSET_23);
  }

  private String turned(String x, int heads) {
    return g.op("RotaryEmbedding", List.of(x, cos, sin, "position_ids"), OnnxAttribute.of("num_heads", heads),
        OnnxAttribute.of("rotary_embedding_dim", ROTATED), OnnxAttribute.of("interleaved", 1));
  }

  /** [1, 1, rows, total], additive. */
  private String causal(int i) {
    String past = g.length("past_" + i + ".key", 2);
    String total = g.op("Add", List.of(past, g.length("input_ids", 1)));
    String columns = g.op("Range", List.of(g.index(0), total, g.index(1)));
    String own = g.op("Unsqueeze", List.of(g.op("Range", List.of(past, total, g.index(1))), g.longs(1)));
    String mask = g.op("Where", List.of(g.op("Greater", List.of(columns, own)), g.real(-1e9), g.real(0)));
    return g.op("Unsqueeze", List.of(mask, g.longs(0, 1)));
  }
}
