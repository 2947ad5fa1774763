package dev.catena.tests.architecture;

import dev.catena.tests.model.OnnxAttribute;
import java.util.List;

/**
 * Ways to turn heads by positions beyond those a model was first trained on, as transformers' modeling_rope_utils has them and
 * torch's exporter writes them: where a class holds its frequencies they are an initializer, where forward computes them the
 * graph does.
 */
enum RopeScaling {
  /** Chen 2023: frequencies divided. */
  LINEAR,
  /** The same, positions divided, as transformers did it at first. */
  LINEAR_IN_GRAPH,
  /** A larger base (bloc97, 2023). */
  NTK_AWARE,
  NTK_AWARE_IN_GRAPH,
  /** Peng 2023: low frequencies divided, high ones kept, a ramp between; cosines and sines times a factor. */
  YARN,
  YARN_IN_GRAPH,
  /** Llama 3.1's: by wave lengths. */
  LLAMA3,
  LLAMA3_IN_GRAPH,
  /** A base that grows with the sequence: no function of the position. */
  DYNAMIC_NTK,
  /** Other frequencies for a sequence that is long (Ding 2024, as Phi-3 has it): no function of the position. */
  LONGROPE;

  static final int ORIGINAL = 16;
  private static final double BASE = 10000;
  private static final double FACTOR = 4;

  boolean dependsOnLength() {
    return this == DYNAMIC_NTK || this == LONGROPE;
  }

  /** Cosines and sines [b, s, width] of the positions [b, s]. */
  String[] tables(ModelGraph g, String positions, int width) {
    String frequencies = frequencies(g, positions, width);
    String wide = g.op("Expand", List.of(g.op("Unsqueeze", List.of(frequencies, g.longs(0, 2))),
        g.op("Concat", List.of(g.size(positions, 0), g.longs(width / 2), g.longs(1)), OnnxAttribute.of("axis", 0))));
    String real = g.op("Cast", List.of(g.op("Unsqueeze", List.of(positions, g.longs(1)))), OnnxAttribute.of("to", 1));
    if (this == LINEAR_IN_GRAPH) {
      real = g.op("Div", List.of(real, g.real(FACTOR)));
    }
    String angles = g.op("Transpose", List.of(g.op("MatMul", List.of(wide, real))), OnnxAttribute.ints("perm", 0, 2, 1));
    String twice = g.joined(-1, angles, angles);
    String cos = g.op("Cos", List.of(twice));
    String sin = g.op("Sin", List.of(twice));
    if (this == YARN || this == YARN_IN_GRAPH || this == LONGROPE) {
      String factor = g.real(this == LONGROPE ? Math.sqrt(1 + Math.log(FACTOR) / Math.log(ORIGINAL)) : 0.1 * Math.log(FACTOR) + 1);
      cos = g.op("Mul", List.of(cos, factor));
      sin = g.op("Mul", List.of(sin, factor));
    }
    return new String[] {cos, sin};
  }

  private String frequencies(ModelGraph g, String positions, int width) {
    int half = width / 2;
    double[] plain = inverse(BASE, width);
    double larger = BASE * Math.pow(FACTOR, width / (width - 2.0));
    return switch (this) {
      case LINEAR -> given(g, times(plain, 1 / FACTOR));
      case LINEAR_IN_GRAPH -> given(g, plain);
      case NTK_AWARE -> given(g, inverse(larger, width));
      case NTK_AWARE_IN_GRAPH -> g.op("Div", List.of(g.real(1), g.op("Pow", List.of(g.real(larger), exponents(g, half)))));
      case YARN -> given(g, yarn(plain, width));
      case YARN_IN_GRAPH -> yarn(g, plain, width);
      case LLAMA3 -> given(g, llama3(plain));
      case LLAMA3_IN_GRAPH -> llama3(g, plain);
      case DYNAMIC_NTK -> {
        String length = g.op("Max", List.of(length(g, positions), g.real(ORIGINAL)));
        String grown = g.op("Sub", List.of(g.op("Div", List.of(g.op("Mul", List.of(length, g.real(FACTOR))), g.real(ORIGINAL))), g.real(FACTOR - 1)));
        String base = g.op("Mul", List.of(g.op("Pow", List.of(grown, g.real(width / (width - 2.0)))), g.real(BASE)));
        yield g.op("Div", List.of(g.real(1), g.op("Pow", List.of(base, exponents(g, half)))));
      }
      case LONGROPE -> g.op("Where", List.of(g.op("Greater", List.of(length(g, positions), g.real(ORIGINAL))),
          given(g, times(plain, 1 / FACTOR)), given(g, plain)));
    };
  }

  private static String length(ModelGraph g, String positions) {
    String last = g.op("ReduceMax", List.of(positions), OnnxAttribute.of("keepdims", 0));
    return g.op("Cast", List.of(g.op("Add", List.of(last, g.index(1)))), OnnxAttribute.of("to", 1));
  }

  private static double[] inverse(double base, int width) {
    double[] frequencies = new double[width / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = Math.pow(base, -2.0 * i / width);
    }
    return frequencies;
  }

  private static double[] times(double[] values, double factor) {
    return java.util.Arrays.stream(values).map(v -> v * factor).toArray();
  }

  private static String given(ModelGraph g, double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    return g.given(floats, floats.length);
  }

  /** 0, 2, 4 … over the width, computed by a Range. */
  private static String exponents(ModelGraph g, int half) {
    String even = g.op("Cast", List.of(g.op("Range", List.of(g.index(0), g.index(2L * half), g.index(2)))), OnnxAttribute.of("to", 1));
    return g.op("Div", List.of(even, g.real(2.0 * half)));
  }

  /** The pair whose wave turns so often in the original context. */
  private static double pair(double turns, int width) {
    return width * Math.log(ORIGINAL / (turns * 2 * Math.PI)) / (2 * Math.log(BASE));
  }

  private static double[] yarn(double[] plain, int width) {
    double low = Math.max(0, Math.floor(pair(32, width)));
    double high = Math.min(width - 1, Math.ceil(pair(1, width)));
    double[] mixed = new double[plain.length];
    for (int i = 0; i < mixed.length; i++) {
      double divided = Math.max(0, Math.min(1, (i - low) / Math.max(high - low, 0.001)));
      mixed[i] = plain[i] / FACTOR * divided + plain[i] * (1 - divided);
    }
    return mixed;
  }

  private static String yarn(ModelGraph g, double[] plain, int width) {
    double low = Math.max(0, Math.floor(pair(32, width)));
    double high = Math.min(width - 1, Math.ceil(pair(1, width)));
    String numbers = g.op("Cast", List.of(g.op("Range", List.of(g.index(0), g.index(width / 2), g.index(1)))), OnnxAttribute.of("to", 1));
    String ramp = g.op("Clip", List.of(g.op("Div", List.of(g.op("Sub", List.of(numbers, g.real(low))), g.real(Math.max(high - low, 0.001)))),
        g.real(0), g.real(1)));
    String kept = g.op("Sub", List.of(g.real(1), ramp));
    String frequencies = given(g, plain);
    return g.op("Add", List.of(g.op("Mul", List.of(g.op("Div", List.of(frequencies, g.real(FACTOR))), g.op("Sub", List.of(g.real(1), kept)))),
        g.op("Mul", List.of(frequencies, kept))));
  }

  private static double[] llama3(double[] plain) {
    double[] scaled = new double[plain.length];
    for (int i = 0; i < scaled.length; i++) {
      double wave = 2 * Math.PI / plain[i];
      double smooth = (ORIGINAL / wave - 1) / 3;
      scaled[i] = wave > ORIGINAL ? plain[i] / FACTOR : wave < ORIGINAL / 4.0 ? plain[i]
          : (1 - smooth) * plain[i] / FACTOR + smooth * plain[i];
    }
    return scaled;
  }

  private static String llama3(ModelGraph g, double[] plain) {
    String frequencies = given(g, plain);
    String wave = g.op("Div", List.of(g.real(2 * Math.PI), frequencies));
    String isLow = g.op("Greater", List.of(wave, g.real(ORIGINAL)));
    String isHigh = g.op("Less", List.of(wave, g.real(ORIGINAL / 4.0)));
    String coarse = g.op("Where", List.of(isLow, g.op("Div", List.of(frequencies, g.real(FACTOR))), frequencies));
    String smooth = g.op("Div", List.of(g.op("Sub", List.of(g.op("Div", List.of(g.real(ORIGINAL), wave)), g.real(1))), g.real(3)));
    String smoothed = g.op("Add", List.of(g.op("Div", List.of(g.op("Mul", List.of(g.op("Sub", List.of(g.real(1), smooth)), coarse)), g.real(FACTOR))),
        g.op("Mul", List.of(smooth, coarse))));
    String isMedium = g.op("And", List.of(g.op("Not", List.of(isHigh)), g.op("Not", List.of(isLow))));
    return g.op("Where", List.of(isMedium, smoothed, coarse));
  }
}
