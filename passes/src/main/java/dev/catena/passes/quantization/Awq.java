package dev.catena.passes.quantization;

import dev.catena.ir.GroupFit;
import dev.catena.ir.QuantType;
import java.util.Arrays;

/**
 * AWQ (Lin et al. 2023, "AWQ: Activation-aware Weight Quantization for LLM Compression and Acceleration", section 3): input
 * channels are scaled by s = mean|x|^α before rounding and by 1/s in whatever makes x, with the α of a grid that loses
 * least of the outputs; then each group's range is clipped where that loses less. Losses are Δ H Δᵀ with H = XᵀX, which is
 * what the paper measures on the activations themselves.
 */
public final class Awq {
  private static final int GRID = 20;
  /** Bounds the search in large layers: a sample of rows tells as much. */
  private static final double MOST_OPERATIONS = 4e9;
  private static final double SMALLEST_SCALE = 1e-4;

  private final double[] hessian;
  private final QuantType type;
  private final int columns;

  /** @param hessian XᵀX, {@code [columns, columns]}; not changed */
  public Awq(double[] hessian, QuantType type) {
    this.hessian = hessian;
    this.type = type;
    columns = Math.toIntExact(type.columns());
  }

  /**
   * The scales of the input channels.
   *
   * @param weights   {@code [rows, columns]}
   * @param magnitude mean |x| of each channel
   * @param source    channels with equal numbers are made by one weight row and must have one scale
   */
  public float[] scales(float[] weights, int rows, double[] magnitude, int[] source) {
    double[] shared = shared(magnitude, source);
    int step = (int) Math.max(1, Math.ceil((double) rows * columns * columns * GRID / MOST_OPERATIONS));
    float[] best = null;
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < GRID; i++) {
      float[] s = normalized(shared, (double) i / GRID);
      double loss = loss(weights, rows, step, s);
      if (loss < least) {
        least = loss;
        best = s;
      }
    }
    return best == null ? normalized(shared, 0) : best;
  }

  private static double[] shared(double[] magnitude, int[] source) {
    int most = Arrays.stream(source).max().orElse(0) + 1;
    double[] sum = new double[most];
    int[] count = new int[most];
    for (int c = 0; c < source.length; c++) {
      sum[source[c]] += magnitude[c];
      count[source[c]]++;
    }
    double[] shared = new double[source.length];
    for (int c = 0; c < source.length; c++) {
      shared[c] = sum[source[c]] / count[source[c]];
    }
    return shared;
  }

  /** magnitude^α, divided so that the largest and the smallest lie around 1. */
  private static float[] normalized(double[] magnitude, double alpha) {
    double[] s = new double[magnitude.length];
    double low = Double.POSITIVE_INFINITY;
    double high = 0;
    for (int c = 0; c < s.length; c++) {
      s[c] = Math.max(Math.pow(magnitude[c], alpha), SMALLEST_SCALE);
      low = Math.min(low, s[c]);
      high = Math.max(high, s[c]);
    }
    float[] result = new float[s.length];
    for (int c = 0; c < s.length; c++) {
      result[c] = (float) (s[c] / Math.sqrt(low * high));
    }
    return result;
  }

  private double loss(float[] weights, int rows, int step, float[] s) {
    return java.util.stream.IntStream.iterate(0, r -> r < rows, r -> r + step).parallel().mapToDouble(r -> {
      float[] scaled = new float[columns];
      for (int c = 0; c < columns; c++) {
        scaled[c] = weights[r * columns + c] * s[c];
      }
      byte[] codes = new byte[columns];
      float[] groupScales = new float[Math.toIntExact(type.groups())];
      byte[] zeros = new byte[groupScales.length];
      inPlainRanges(scaled, 0, codes, groupScales, zeros);
      return lost(scaled, 0, s, codes, 0, groupScales, zeros, 0);
    }).sum();
  }

  /** Δ H Δᵀ of one row. */
  private double lost(double[] delta) {
    double sum = 0;
    for (int i = 0; i < columns; i++) {
      double row = 0;
      for (int j = 0; j < i; j++) {
        row += hessian[i * columns + j] * delta[j];
      }
      sum += delta[i] * (2 * row + hessian[i * columns + i] * delta[i]);
    }
    return sum;
  }

  /**
   * Quantizes some rows of the scaled weights, each group in the range (and zero point) that loses least of its own part of
   * the outputs; a row that loses less of its outputs in plain ranges, since groups' losses go together, gets those.
   *
   * @param scaled weights times {@code s}
   */
  public void readCodes(float[] scaled, int rows, float[] s, byte[] codes, float[] groupScales, byte[] zeros) {
    int groups = Math.toIntExact(type.groups());
    GroupFit fit = new GroupFit(type, GroupFit.Scales.SEARCH);
    for (int g = 0; g < groups; g++) {
      int first = (int) (g * type.group());
      int count = (int) Math.min(type.group(), columns - first);
      double[] gram = new double[count * count];
      for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++) {
          gram[i * count + j] = hessian[(first + i) * columns + first + j] / ((double) s[first + i] * s[first + j]);
        }
      }
      for (int r = 0; r < rows; r++) {
        int at = r * columns + first;
        fit.fit(scaled, at, count, null, gram);
        for (int i = at; i < at + count; i++) {
          codes[i] = (byte) fit.code(scaled[i]);
        }
        groupScales[r * groups + g] = fit.scale();
        zeros[r * groups + g] = (byte) fit.zero();
      }
    }
    for (int r = 0; r < rows; r++) {
      byte[] plainCodes = new byte[columns];
      float[] plainScales = new float[groups];
      byte[] plainZeros = new byte[groups];
      inPlainRanges(scaled, r * columns, plainCodes, plainScales, plainZeros);
      double plain = lost(scaled, r * columns, s, plainCodes, 0, plainScales, plainZeros, 0);
      if (plain < lost(scaled, r * columns, s, codes, r * columns, groupScales, zeros, r * groups)) {
        System.arraycopy(plainCodes, 0, codes, r * columns, columns);
        System.arraycopy(plainScales, 0, groupScales, r * groups, groups);
        System.arraycopy(plainZeros, 0, zeros, r * groups, groups);
      }
    }
  }

  private void inPlainRanges(float[] scaled, int at, byte[] codes, float[] groupScales, byte[] zeros) {
    GroupFit fit = new GroupFit(type, GroupFit.Scales.RANGE);
    for (int g = 0; g < groupScales.length; g++) {
      int first = (int) (g * type.group());
      int end = (int) Math.min(first + type.group(), columns);
      fit.fit(scaled, at + first, end - first);
      for (int c = first; c < end; c++) {
        codes[c] = (byte) fit.code(scaled[at + c]);
      }
      groupScales[g] = fit.scale();
      zeros[g] = (byte) fit.zero();
    }
  }

  /** Of one row's outputs. */
  private double lost(float[] scaled, int at, float[] s, byte[] codes, int codesAt, float[] groupScales, byte[] zeros, int groupsAt) {
    double[] delta = new double[columns];
    for (int c = 0; c < columns; c++) {
      int g = groupsAt + (int) (c / type.group());
      delta[c] = (scaled[at + c] - ((codes[codesAt + c] & 0xff) - (zeros[g] & 0xff)) * (double) groupScales[g]) / s[c];
    }
    return lost(delta);
  }
}
