package dev.catena.frontend.onnx;

import java.util.Arrays;

/** A growing list of 64-bit numbers, bounded so that a file can't fill the heap. */
final class Longs {
  /** More numbers than this belong into raw_data. */
  static final int MOST = 1 << 24;

  private long[] values = new long[8];
  private int size;

  void add(long value) {
    if (size == MOST) {
      throw new OnnxException("a list of more than " + MOST + " numbers");
    }
    if (size == values.length) {
      values = Arrays.copyOf(values, Math.min(MOST, size * 2));
    }
    values[size++] = value;
  }

  int size() {
    return size;
  }

  long[] toArray() {
    return Arrays.copyOf(values, size);
  }
}
