package dev.catena.ir;

import java.util.Random;

/**
 * Normally distributed numbers from a seed, {@code random(7, tensor<f32, [4, 8]>)}: weights of modules that are written
 * by hand, so that passes over them can be judged by numbers.
 */
public final class RandomWeight implements WeightData {
  /** Small enough that a few layers don't overflow f16. */
  private static final double DEVIATION = 0.4;

  private final long seed;
  private final LiteralWeight elements;

  public RandomWeight(long seed, TensorType type) {
    if (!type.element().isFloat()) {
      throw new IrException("random weights are floats, not " + type.element().keyword());
    }
    this.seed = seed;
    Random random = new Random(seed);
    Tensor t = new Tensor(type.element(), type.staticShape());
    for (int i = 0; i < t.size(); i++) {
      t.set(i, random.nextGaussian() * DEVIATION);
    }
    this.elements = new LiteralWeight(t);
  }

  @Override
  public TensorType type() {
    return elements.type();
  }

  @Override
  public void read(long[] start, long[] extent, float[] into, int at) {
    elements.read(start, extent, into, at);
  }

  @Override
  public Tensor tensor() {
    return elements.tensor();
  }

  @Override
  public String hash() {
    return elements.hash();
  }

  @Override
  public String text() {
    return "random(" + seed + ", " + type().text() + ")";
  }
}
