package dev.catena.tools;

import java.util.stream.IntStream;

/** What calibration keeps of a linear layer's inputs: H = XᵀX, mean |x|, and how far they are from the original model's. */
final class InputStatistics {
  private final int columns;
  private final double[] hessian;
  private final double[] magnitude;
  private final double[] drift;
  private long rows;

  /** @param drifting whether {@link #addDrift} will be called */
  InputStatistics(int columns, boolean drifting) {
    this.columns = columns;
    hessian = new double[Math.multiplyExact(columns, columns)];
    magnitude = new double[columns];
    drift = drifting ? new double[hessian.length] : null;
  }

  /** Adds {@code count} rows; sums over them are f32, sums over calls f64. */
  void add(float[] x, int count) {
    rows += count;
    IntStream.range(0, columns).parallel().forEach(i -> {
      for (int r = 0; r < count; r++) {
        magnitude[i] += Math.abs(x[r * columns + i]);
      }
      addProducts(hessian, x, x, i, i, count);
    });
  }

  /** Adds rows of the original model's inputs {@code original} beside the same rows {@code x} as they are now. */
  void addDrift(float[] original, float[] x, int count) {
    float[] difference = new float[count * columns];
    for (int i = 0; i < difference.length; i++) {
      difference[i] = original[i] - x[i];
    }
    IntStream.range(0, columns).parallel().forEach(i -> addProducts(drift, difference, x, i, 0, count));
  }

  /** Adds Σ left[r, i] · x[r, j] over the rows to row {@code i} of a matrix, for the columns j from {@code from} on. */
  private void addProducts(double[] matrix, float[] left, float[] x, int i, int from, int count) {
    float[] sum = new float[columns];
    int r = 0;
    for (; r + 4 <= count; r += 4) { // four at once, to load and store the sums a quarter as often
      int at = r * columns;
      float a = left[at + i];
      float b = left[at + columns + i];
      float c = left[at + 2 * columns + i];
      float d = left[at + 3 * columns + i];
      for (int j = from; j < columns; j++) {
        sum[j] += a * x[at + j] + b * x[at + columns + j] + c * x[at + 2 * columns + j] + d * x[at + 3 * columns + j];
      }
    }
    for (; r < count; r++) {
      float a = left[r * columns + i];
      for (int j = from; j < columns; j++) {
        sum[j] += a * x[r * columns + j];
      }
    }
    for (int j = from; j < columns; j++) {
      matrix[i * columns + j] += sum[j];
    }
  }

  /** D = Σ (original − x) xᵀ, {@code [columns, columns]}. */
  double[] drift() {
    return drift;
  }

  /** {@code [columns, columns]}, both halves. */
  double[] hessian() {
    for (int i = 0; i < columns; i++) {
      for (int j = 0; j < i; j++) {
        hessian[i * columns + j] = hessian[j * columns + i];
      }
    }
    return hessian;
  }

  double[] magnitude() {
    double[] mean = magnitude.clone();
    for (int i = 0; i < columns; i++) {
      mean[i] /= Math.max(1, rows);
    }
    return mean;
  }
}
