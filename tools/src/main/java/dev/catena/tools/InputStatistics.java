package dev.catena.tools;

import java.util.Arrays;
import java.util.stream.IntStream;

/** What calibration keeps of a linear layer's inputs: H = XᵀX, mean |x|, and how far they are from the original model's. */
final class InputStatistics {
  /** Columns whose sums stay in the first-level cache, and a step's rows of them in the second. */
  private static final int TILE = 256;
  /** Rows of a matrix that are summed up while a tile is there. */
  private static final int TOGETHER = 8;

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
    for (int r = 0; r < count; r++) {
      for (int i = 0; i < columns; i++) {
        magnitude[i] += Math.abs(x[r * columns + i]);
      }
    }
    addProducts(hessian, x, x, true, count);
  }

  /** Adds rows of the original model's inputs {@code original} beside the same rows {@code x} as they are now. */
  void addDrift(float[] original, float[] x, int count) {
    float[] difference = new float[count * columns];
    for (int i = 0; i < difference.length; i++) {
      difference[i] = original[i] - x[i];
    }
    addProducts(drift, difference, x, false, count);
  }

  /** Adds Σ left[r, i] · x[r, j] over the rows to a matrix's [i, j]; where it is symmetric, j from i on is enough. */
  private void addProducts(double[] matrix, float[] left, float[] x, boolean symmetric, int count) {
    IntStream.range(0, (columns + TOGETHER - 1) / TOGETHER).parallel().forEach(block -> {
      int first = block * TOGETHER;
      int last = Math.min(columns, first + TOGETHER);
      float[][] sums = new float[last - first][TILE];
      for (int from = symmetric ? first / TILE * TILE : 0; from < columns; from += TILE) {
        int width = Math.min(TILE, columns - from);
        for (int r = 0; r < count; r += 4) { // four at once, to load and store the sums a quarter as often
          for (int i = first; i < last; i++) {
            if (r + 4 <= count) {
              add(sums[i - first], left, r * columns + i, x, r * columns + from, width);
            } else {
              addLast(sums[i - first], left, i, x, from, width, r, count);
            }
          }
        }
        for (int i = first; i < last; i++) {
          float[] sum = sums[i - first];
          for (int j = 0; j < width; j++) {
            matrix[i * columns + from + j] += sum[j];
          }
          Arrays.fill(sum, 0);
        }
      }
    });
  }

  /** Four rows, the first of which begins at {@code leftAt} and {@code at}. */
  private void add(float[] sum, float[] left, int leftAt, float[] x, int at, int width) {
    float a = left[leftAt];
    float b = left[leftAt + columns];
    float c = left[leftAt + 2 * columns];
    float d = left[leftAt + 3 * columns];
    int second = at + columns;
    int third = at + 2 * columns;
    int fourth = at + 3 * columns;
    for (int j = 0; j < width; j++) {
      sum[j] += a * x[at + j] + b * x[second + j] + c * x[third + j] + d * x[fourth + j];
    }
  }

  private void addLast(float[] sum, float[] left, int i, float[] x, int from, int width, int row, int count) {
    for (int r = row; r < count; r++) {
      float a = left[r * columns + i];
      for (int j = 0; j < width; j++) {
        sum[j] += a * x[r * columns + from + j];
      }
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
