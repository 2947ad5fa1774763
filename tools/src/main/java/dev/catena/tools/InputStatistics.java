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
      float[] sum = new float[columns];
      double absolute = 0;
      int r = 0;
      for (; r + 4 <= count; r += 4) {
        int at = r * columns;
        float a = x[at + i];
        float b = x[at + columns + i];
        float c = x[at + 2 * columns + i];
        float d = x[at + 3 * columns + i];
        absolute += Math.abs(a) + Math.abs(b) + Math.abs(c) + Math.abs(d);
        for (int j = i; j < columns; j++) {
          sum[j] += a * x[at + j] + b * x[at + columns + j] + c * x[at + 2 * columns + j] + d * x[at + 3 * columns + j];
        }
      }
      for (; r < count; r++) {
        float a = x[r * columns + i];
        absolute += Math.abs(a);
        for (int j = i; j < columns; j++) {
          sum[j] += a * x[r * columns + j];
        }
      }
      magnitude[i] += absolute;
      for (int j = i; j < columns; j++) {
        hessian[i * columns + j] += sum[j];
      }
    });
  }

  /** Adds rows of the original model's inputs {@code original} beside the same rows {@code x} as they are now. */
  void addDrift(float[] original, float[] x, int count) {
    IntStream.range(0, columns).parallel().forEach(i -> {
      float[] sum = new float[columns];
      for (int r = 0; r < count; r++) {
        int at = r * columns;
        float d = original[at + i] - x[at + i];
        for (int j = 0; j < columns; j++) {
          sum[j] += d * x[at + j];
        }
      }
      for (int j = 0; j < columns; j++) {
        drift[i * columns + j] += sum[j];
      }
    });
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
