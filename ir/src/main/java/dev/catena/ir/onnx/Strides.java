package dev.catena.ir.onnx;

/** Row-major addressing. */
final class Strides {
  private Strides() {}

  /** How far apart neighbours along each axis lie, in elements. */
  static long[] of(long[] shape) {
    long[] stride = new long[shape.length];
    long s = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      stride[i] = s;
      s *= shape[i];
    }
    return stride;
  }

  /** The next index in row-major order; after the last comes the first. */
  static void advance(long[] index, long[] shape) {
    for (int a = shape.length - 1; a >= 0; a--) {
      if (++index[a] < shape[a]) {
        return;
      }
      index[a] = 0;
    }
  }

  /** The product of {@code shape[from]} to {@code shape[to - 1]}. */
  static int count(long[] shape, int from, int to) {
    long n = 1;
    for (int i = from; i < to; i++) {
      n *= shape[i];
    }
    return Math.toIntExact(n);
  }
}
