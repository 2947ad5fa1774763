package dev.catena.passes.quantization;

import dev.catena.ir.ElementType;
import dev.catena.ir.HalfFloat;
import dev.catena.ir.QuantType;

/**
 * Makes good codes better: coordinate descent on a row's loss Δ H Δᵀ, one code at a time to the whole number that loses least
 * beside all the others, in turn with the scales that suit the codes best (least squares over the row's groups). The loss never
 * grows. GPTQ looks at each column once, from one side; this looks back. Not thread-safe.
 */
public final class CodeDescent {
  private static final int ROUNDS = 3;
  private static final int SWEEPS = 2;

  private final double[] hessian;
  private final QuantType type;
  private final int columns;
  private final int groups;
  private final int top;
  private final double[] delta;
  private final double[] gradient;

  /** @param hessian damped, {@code [columns, columns]}; not changed */
  public CodeDescent(double[] hessian, QuantType type) {
    this.hessian = hessian;
    this.type = type;
    columns = Math.toIntExact(type.columns());
    groups = Math.toIntExact(type.groups());
    top = (1 << type.code().bits()) - 1;
    delta = new double[columns];
    gradient = new double[columns];
  }

  /** Improves one row in place; offsets are the row's in each array. */
  public void improve(float[] weights, int at, byte[] codes, float[] scales, byte[] zeros, int groupsAt) {
    for (int round = 0; round < ROUNDS; round++) {
      double loss = look(weights, at, codes, scales, zeros, groupsAt);
      boolean changed = false;
      for (int sweep = 0; sweep < SWEEPS; sweep++) {
        changed |= sweep(at, codes, scales, groupsAt);
      }
      loss = look(weights, at, codes, scales, zeros, groupsAt);
      float[] before = java.util.Arrays.copyOfRange(scales, groupsAt, groupsAt + groups);
      if (!refit(weights, at, codes, scales, zeros, groupsAt)
          || !(look(weights, at, codes, scales, zeros, groupsAt) < loss)) {
        System.arraycopy(before, 0, scales, groupsAt, groups);
        if (!changed) {
          return;
        }
      }
    }
  }

  private int group(int column) {
    return (int) (column / type.group());
  }

  /** Sets delta and its gradient H Δ; returns the loss. */
  private double look(float[] weights, int at, byte[] codes, float[] scales, byte[] zeros, int groupsAt) {
    java.util.Arrays.fill(gradient, 0);
    for (int i = 0; i < columns; i++) {
      int g = groupsAt + group(i);
      delta[i] = weights[at + i] - ((codes[at + i] & 0xff) - (zeros[g] & 0xff)) * (double) scales[g];
      addColumn(i, delta[i]);
    }
    double loss = 0;
    for (int i = 0; i < columns; i++) {
      loss += delta[i] * gradient[i];
    }
    return loss;
  }

  private void addColumn(int column, double factor) {
    int h = column * columns;
    for (int j = 0; j < columns; j++) {
      gradient[j] += factor * hessian[h + j];
    }
  }

  private boolean sweep(int at, byte[] codes, float[] scales, int groupsAt) {
    boolean changed = false;
    for (int i = 0; i < columns; i++) {
      double scale = scales[groupsAt + group(i)];
      double curvature = hessian[i * columns + i];
      if (scale == 0 || !(curvature > 0)) {
        continue;
      }
      int code = codes[at + i] & 0xff;
      int better = (int) Math.max(0, Math.min(top, code + Math.rint(gradient[i] / (scale * curvature))));
      if (better != code) {
        codes[at + i] = (byte) better;
        double change = (code - better) * scale;
        delta[i] += change;
        addColumn(i, change);
        changed = true;
      }
    }
    return changed;
  }

  /** The scales for which the loss is least with these codes: the normal equations of one factor for each group. */
  private boolean refit(float[] weights, int at, byte[] codes, float[] scales, byte[] zeros, int groupsAt) {
    double[] matrix = new double[groups * groups];
    double[] right = new double[groups];
    double[] image = new double[columns]; // H cᵀ of one group's codes
    for (int g = 0; g < groups; g++) {
      java.util.Arrays.fill(image, 0);
      int end = (int) Math.min(columns, (g + 1) * type.group());
      for (int i = (int) (g * type.group()); i < end; i++) {
        double c = (codes[at + i] & 0xff) - (zeros[groupsAt + g] & 0xff);
        for (int j = 0; c != 0 && j < columns; j++) {
          image[j] += c * hessian[i * columns + j];
        }
      }
      for (int j = 0; j < columns; j++) {
        int other = group(j);
        matrix[g * groups + other] += image[j] * ((codes[at + j] & 0xff) - (zeros[groupsAt + other] & 0xff));
        right[g] += image[j] * weights[at + j];
      }
    }
    if (!solve(matrix, right)) {
      return false;
    }
    for (int g = 0; g < groups; g++) {
      scales[groupsAt + g] = HalfFloat.round((float) right[g], type.scale());
      if (!Float.isFinite(scales[groupsAt + g]) || scales[groupsAt + g] == 0 && type.scale() == ElementType.F16) {
        return false;
      }
    }
    return true;
  }

  /** Gauss without pivots: the matrix is positive definite unless a group's codes are all zero. */
  private boolean solve(double[] a, double[] b) {
    for (int i = 0; i < groups; i++) {
      double pivot = a[i * groups + i];
      if (!(pivot > 0)) {
        return false;
      }
      for (int r = i + 1; r < groups; r++) {
        double f = a[r * groups + i] / pivot;
        for (int c = i; c < groups; c++) {
          a[r * groups + c] -= f * a[i * groups + c];
        }
        b[r] -= f * b[i];
      }
    }
    for (int i = groups - 1; i >= 0; i--) {
      for (int c = i + 1; c < groups; c++) {
        b[i] -= a[i * groups + c] * b[c];
      }
      b[i] /= a[i * groups + i];
    }
    return true;
  }
}
