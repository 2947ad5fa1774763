package dev.catena.tests.model;

import java.util.Random;

/** Random weights that keep activations in a sensible range; the same seed gives the same weights. */
final class LlamaWeights {
  private final Random random;

  LlamaWeights(long seed) {
    random = new Random(seed);
  }

  /** A matrix {@code [from, to]} for products from the left. */
  float[] matrix(int from, int to, double gain) {
    return normal(from * to, gain / Math.sqrt(from));
  }

  float[] normal(int count, double deviation) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (random.nextGaussian() * deviation);
    }
    return values;
  }

  /** Scales of a norm, around 1. */
  float[] scales(int count) {
    float[] values = normal(count, 0.1);
    for (int i = 0; i < count; i++) {
      values[i] += 1;
    }
    return values;
  }
}
