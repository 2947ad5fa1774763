package dev.catena.tools;

import dev.catena.ir.Hashes;
import dev.catena.ir.TensorType;
import dev.catena.ir.WeightData;

/** A weight whose elements are computed from their place, so that one of any size takes no memory. */
final class GeneratedWeight implements WeightData {
  /** An element by its row-major place. */
  interface Element {
    float at(long index);
  }

  private final TensorType type;
  private final String description;
  private final Element element;

  /** @param description what the elements are: equal ones stand for equal elements */
  GeneratedWeight(TensorType type, String description, Element element) {
    this.type = type;
    this.description = description;
    this.element = element;
  }

  /** Numbers evenly spread over {@code center} ± {@code bound}, which look random and are the same for the same seed. */
  static GeneratedWeight random(TensorType type, long seed, float center, float bound) {
    return new GeneratedWeight(type, "random " + seed + " " + center + " " + bound,
        index -> center + (mix(seed * 0x9E3779B97F4A7C15L + index) >> 40) * (bound / (1 << 23)));
  }

  /** The finalizer of MurmurHash3 (Appleby), which spreads consecutive numbers over all 64 bits. */
  private static long mix(long z) {
    z = (z ^ z >>> 33) * 0xFF51AFD7ED558CCDL;
    z = (z ^ z >>> 33) * 0xC4CEB9FE1A85EC53L;
    return z ^ z >>> 33;
  }

  @Override
  public TensorType type() {
    return type;
  }

  @Override
  public void read(long[] start, long[] extent, float[] into, int at) {
    long[] shape = type.staticShape();
    if (shape.length == 1) {
      for (int i = 0; i < extent[0]; i++) {
        into[at + i] = element.at(start[0] + i);
      }
      return;
    }
    int next = at;
    for (long r = start[0]; r < start[0] + extent[0]; r++) {
      for (long c = start[1]; c < start[1] + extent[1]; c++) {
        into[next++] = element.at(r * shape[1] + c);
      }
    }
  }

  @Override
  public String hash() {
    return Hashes.of("generated", type.text(), description);
  }

  @Override
  public String text() {
    return "computed(\"" + description + "\")";
  }
}
