package dev.catena.passes.quantization;

import dev.catena.ir.GroupFit;
import dev.catena.ir.QuantType;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * GPTQ (Frantar et al. 2022, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", algorithm
 * 1): columns are rounded one after the other, and what rounding one loses is made up for by those that follow, by the
 * Cholesky factor U of the inverse Hessian, H⁻¹ = UᵀU, H = XᵀX over the calibration's rows.
 *
 * <p>Without act-order a group's scale is fitted when its first column is reached, to the weights as they are by then; with
 * it, columns are taken by falling diagonal of H and scales are fitted to the original weights. With {@link
 * GroupFit.Scales#SEARCH} codes and group scales are then improved together ({@link CodeDescent}). Rows are independent.
 * Thread-safe once constructed.
 */
public final class Gptq {
  /** Columns whose effect on later ones is gathered before it is applied. */
  private static final int BLOCK = 128;
  private static final int MOST_DAMPING_STEPS = 8;

  private final QuantType type;
  private final GroupFit.Scales scales;
  private final boolean actOrder;
  private final int columns;
  private final int[] order;
  private final double[] factor;
  /** For {@link CodeDescent}; null where codes are to be the paper's. */
  private final double[] damped;

  /**
   * Prepares a matrix's columns.
   *
   * @param hessian XᵀX, {@code [columns, columns]}; not changed
   * @param damping share of the diagonal's mean that is added to it; grows tenfold while H isn't positive definite
   */
  public Gptq(double[] hessian, QuantType type, GroupFit.Scales scales, boolean actOrder, double damping) {
    this.type = type;
    this.scales = scales;
    this.actOrder = actOrder;
    columns = Math.toIntExact(type.columns());
    order = IntStream.range(0, columns).toArray();
    if (actOrder) {
      order(hessian);
    }
    double mean = 0;
    for (int i = 0; i < columns; i++) {
      mean += hessian[i * columns + i] / columns;
    }
    double[] upper = null;
    for (int i = 0; upper == null && i < MOST_DAMPING_STEPS; i++, damping *= 10) {
      upper = inverseFactor(hessian, damping * mean);
    }
    if (upper == null) {
      throw new IllegalArgumentException("the Hessian isn't positive definite, with any damping");
    }
    factor = upper;
    damped = scales == GroupFit.Scales.SEARCH ? hessian.clone() : null;
    for (int i = 0; damped != null && i < columns; i++) {
      damped[i * columns + i] += damping / 10 * mean;
    }
  }

  private void order(double[] hessian) {
    Integer[] boxed = Arrays.stream(order).boxed().toArray(Integer[]::new);
    Arrays.sort(boxed, Comparator.comparingDouble((Integer c) -> -hessian[c * columns + c]));
    for (int i = 0; i < columns; i++) {
      order[i] = boxed[i];
    }
  }

  /**
   * U of H⁻¹ = UᵀU, or null. With J the reversal of rows, JHJ = LLᵀ gives U = J L⁻¹ J, which saves inverting H.
   */
  private double[] inverseFactor(double[] hessian, double damp) {
    int n = columns;
    double[] lower = new double[n * n];
    for (int i = 0; i < n; i++) {
      int a = order[n - 1 - i];
      for (int j = 0; j <= i; j++) {
        int b = order[n - 1 - j];
        double h = hessian[a * n + b];
        if (i == j) {
          h = h == 0 ? 1 : h; // a column that was always 0 has nothing to say
          h += damp;
        }
        double sum = h - dot(lower, i * n, j * n, j);
        if (i == j) {
          if (!(sum > 0) || Double.isInfinite(sum)) {
            return null;
          }
          lower[i * n + i] = Math.sqrt(sum);
        } else {
          lower[i * n + j] = sum / lower[j * n + j];
        }
      }
    }
    double[] inverse = new double[n * n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < i; j++) {
        double f = lower[i * n + j];
        for (int c = 0; c <= j; c++) {
          inverse[i * n + c] -= f * inverse[j * n + c];
        }
      }
      inverse[i * n + i] = 1;
      for (int c = 0; c <= i; c++) {
        inverse[i * n + c] /= lower[i * n + i];
      }
    }
    double[] upper = lower; // its place
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        upper[i * n + j] = inverse[(n - 1 - i) * n + n - 1 - j];
      }
    }
    return upper;
  }

  private static double dot(double[] a, int i, int j, int count) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int k = 0;
    for (; k + 4 <= count; k += 4) {
      s0 += a[i + k] * a[j + k];
      s1 += a[i + k + 1] * a[j + k + 1];
      s2 += a[i + k + 2] * a[j + k + 2];
      s3 += a[i + k + 3] * a[j + k + 3];
    }
    for (; k < count; k++) {
      s0 += a[i + k] * a[j + k];
    }
    return s0 + s1 + s2 + s3;
  }

  /**
   * Quantizes some rows; {@code weights} is {@code [rows, columns]}, what is received as in
   * {@link dev.catena.ir.CodedMatrix#readCodes}.
   */
  public void readCodes(float[] weights, int rows, byte[] codes, float[] groupScales, byte[] zeros) {
    int groups = Math.toIntExact(type.groups());
    GroupFit[] fits = new GroupFit[groups];
    for (int g = 0; g < groups; g++) {
      fits[g] = new GroupFit(type, scales);
    }
    double[] work = new double[columns];
    double[] errors = new double[BLOCK];
    CodeDescent descent = damped == null ? null : new CodeDescent(damped, type);
    for (int r = 0; r < rows; r++) {
      int at = r * columns;
      for (int i = 0; i < columns; i++) {
        work[i] = weights[at + order[i]];
      }
      if (actOrder) {
        for (int g = 0; g < groups; g++) {
          fitOriginal(weights, at, g, fits[g]);
        }
      }
      for (int begin = 0; begin < columns; begin += BLOCK) {
        int end = Math.min(columns, begin + BLOCK);
        for (int i = begin; i < end; i++) {
          int column = order[i];
          int g = (int) (column / type.group());
          if (!actOrder && column % type.group() == 0) {
            fitPresent(work, begin, errors, g, fits[g]);
          }
          double w = work[i];
          int code = fits[g].code((float) w);
          codes[at + column] = (byte) code;
          errors[i - begin] = (w - (code - fits[g].zero()) * (double) fits[g].scale()) / factor[i * columns + i];
          subtract(work, i + 1, end, errors[i - begin], i);
        }
        for (int i = begin; i < end; i++) {
          subtract(work, end, columns, errors[i - begin], i);
        }
      }
      for (int g = 0; g < groups; g++) {
        groupScales[r * groups + g] = fits[g].scale();
        zeros[r * groups + g] = (byte) fits[g].zero();
      }
      if (descent != null) {
        descent.improve(weights, at, codes, groupScales, zeros, r * groups);
      }
    }
  }

  /**
   * What the layer should aim at, given that its inputs x̃ come from quantized layers and aren't the x it was made for: the W′ for
   * which W′x̃ is nearest to Wx over the calibration's rows, W + W D (H + λ)⁻¹ with D = Σ (x − x̃) x̃ᵀ, H = Σ x̃ x̃ᵀ (the normal
   * equations of Li et al. 2025, "GPTAQ: Efficient Finetuning-Free Quantization for Asymmetric Calibration", equation 3). So a
   * layer mends what the ones before it have lost.
   *
   * @param weights {@code [rows, columns]}; not changed
   * @param drift   D, {@code [columns, columns]}; λ is the damping
   */
  public float[] target(float[] weights, int rows, double[] drift) {
    float[] target = new float[rows * columns];
    double[] moved = new double[columns];
    double[] ordered = new double[columns];
    double[] product = new double[columns];
    for (int r = 0; r < rows; r++) {
      Arrays.fill(moved, 0);
      for (int i = 0; i < columns; i++) {
        add(moved, drift, i * columns, weights[r * columns + i], 0);
      }
      for (int i = 0; i < columns; i++) {
        ordered[i] = moved[order[i]];
      }
      Arrays.fill(product, 0);
      for (int i = 0; i < columns; i++) {
        double sum = 0;
        for (int j = i; j < columns; j++) {
          sum += factor[i * columns + j] * ordered[j];
        }
        add(product, factor, i * columns, sum, i);
      }
      for (int i = 0; i < columns; i++) {
        target[r * columns + order[i]] = (float) (weights[r * columns + order[i]] + product[i]);
      }
    }
    return target;
  }

  private void add(double[] to, double[] matrix, int row, double factorOfRow, int from) {
    for (int j = from; j < columns; j++) {
      to[j] += factorOfRow * matrix[row + j];
    }
  }

  private void subtract(double[] work, int from, int to, double error, int row) {
    int u = row * columns;
    for (int j = from; j < to; j++) {
      work[j] -= error * factor[u + j];
    }
  }

  private void fitOriginal(float[] weights, int at, int g, GroupFit fit) {
    int first = (int) (g * type.group());
    int count = Math.toIntExact(Math.min(type.group(), columns - first));
    fit.fit(weights, at + first, count, importance(first, count, true), null);
  }

  /** A group's columns lie in order; those beyond the block still lack what the block's columns so far have lost. */
  private void fitPresent(double[] work, int begin, double[] errors, int g, GroupFit fit) {
    int first = (int) (g * type.group());
    int count = Math.toIntExact(Math.min(type.group(), columns - first));
    int end = Math.min(columns, begin + BLOCK);
    float[] present = new float[count];
    for (int i = 0; i < count; i++) {
      double w = work[first + i];
      for (int j = begin; first + i >= end && j < first; j++) {
        w -= errors[j - begin] * factor[j * columns + first + i];
      }
      present[i] = (float) w;
    }
    fit.fit(present, 0, count, importance(first, count, false), null);
  }

  /** What GPTQ's loss weighs a column's squared error by: 1 / U² on the diagonal. */
  private double[] importance(int first, int count, boolean reordered) {
    double[] importance = new double[count];
    for (int i = 0; i < count; i++) {
      int place = reordered ? placeOf()[first + i] : first + i;
      double u = factor[place * columns + place];
      importance[i] = 1 / (u * u);
    }
    return importance;
  }

  private int[] places;

  private synchronized int[] placeOf() {
    if (places == null) {
      places = new int[columns];
      for (int i = 0; i < columns; i++) {
        places[order[i]] = i;
      }
    }
    return places;
  }
}
