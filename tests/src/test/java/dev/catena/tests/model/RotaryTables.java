package dev.catena.tests.model;

import java.util.function.DoubleUnaryOperator;

/** The cosines and sines of rotary positions, {@code [positions, headDim]}, both halves alike. */
final class RotaryTables {
  private static final double THETA = 10000;

  private RotaryTables() {}

  static float[] cos(LlamaShape shape) {
    return table(shape, Math::cos);
  }

  static float[] sin(LlamaShape shape) {
    return table(shape, Math::sin);
  }

  /** theta to the power of -2i / headDim, [headDim / 2]. */
  static float[] inverseFrequencies(LlamaShape shape) {
    float[] values = new float[shape.headDim() / 2];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.pow(THETA, -2.0 * i / shape.headDim());
    }
    return values;
  }

  private static float[] table(LlamaShape shape, DoubleUnaryOperator function) {
    int half = shape.headDim() / 2;
    float[] values = new float[shape.maxSeq() * shape.headDim()];
    for (int p = 0; p < shape.maxSeq(); p++) {
      for (int i = 0; i < shape.headDim(); i++) {
        double angle = p * Math.pow(THETA, -2.0 * (i % half) / shape.headDim());
        values[p * shape.headDim() + i] = (float) function.applyAsDouble(angle);
      }
    }
    return values;
  }
}
