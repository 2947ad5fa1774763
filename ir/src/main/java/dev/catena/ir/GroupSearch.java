package dev.catena.ir;

import java.util.Arrays;

/**
 * The search of {@link GroupFit} for many groups of equally important weights at once: candidate after candidate, all groups
 * side by side. Its inner loops go over groups, in a form that the JIT compiles to vectors, since a compilation asks for
 * billions of errors. Not thread-safe; reuse one for many batches.
 */
final class GroupSearch {
  /** Errors have one valley, apart from ripples that are much lower than this. */
  private static final float HOPELESS = 2;
  /** Added and taken away again, it rounds a float below 2²² to the nearest whole number. */
  private static final float ROUNDING = 0x1.8p23f;

  private final int top;
  private final int middle;
  private final boolean symmetric;
  private final ElementType scaleType;
  private final int most;
  private final double[] widest;
  private final double[] middleOfRange;
  private final double[] bestShare;
  private final float[] scale;
  private final int[] zero;
  private final float[] best;
  private final float[] candidate;
  private final int[] candidateZero;
  private final float[] inverse;
  private final float[] lowest;
  private final float[] highest;
  private final float[] error;
  /** The smaller error of a share's two signs. */
  private final float[] ofShare;
  /** Narrower ranges can't be better. Each group by itself: its scale must not depend on the others in its batch. */
  private final boolean[] settled;
  private final float[] product;
  private final float[] square;
  /** [column in the group][group]. */
  private float[][] columns = new float[0][];
  private int groups;

  /** @param most groups in a batch, at most */
  GroupSearch(QuantType type, int most) {
    top = (1 << type.code().bits()) - 1;
    middle = type.symmetricZero();
    symmetric = type.zero() == null;
    scaleType = type.scale();
    this.most = most;
    widest = new double[most];
    middleOfRange = new double[most];
    bestShare = new double[most];
    scale = new float[most];
    zero = new int[most];
    best = new float[most];
    candidate = new float[most];
    candidateZero = new int[most];
    inverse = new float[most];
    lowest = new float[most];
    highest = new float[most];
    error = new float[most];
    ofShare = new float[most];
    settled = new boolean[most];
    product = new float[most];
    square = new float[most];
  }

  /** The scale of the batch's group {@code g}. */
  float scale(int g) {
    return scale[g];
  }

  int zero(int g) {
    return zero[g];
  }

  /**
   * Fits {@code starts.length} groups of {@code count} columns.
   *
   * @param starts where in {@code w} each begins
   */
  void fit(float[] w, int[] starts, int count) {
    groups = starts.length;
    if (columns.length < count) {
      columns = new float[count][most];
    }
    for (int g = 0; g < groups; g++) {
      float low = 0;
      float high = 0;
      for (int i = 0; i < count; i++) {
        float x = w[starts[g] + i];
        columns[i][g] = x;
        low = Math.min(low, x);
        high = Math.max(high, x);
      }
      begin(g, low, high);
    }
    Arrays.fill(best, Float.POSITIVE_INFINITY);
    System.arraycopy(scale, 0, candidate, 0, groups);
    System.arraycopy(zero, 0, candidateZero, 0, groups);
    consider(count, 1);
    Arrays.fill(settled, false);
    boolean open = true;
    for (double share = 1; open && share >= GroupFit.NARROWEST; share -= GroupFit.COARSE) {
      Arrays.fill(ofShare, 0, groups, Float.POSITIVE_INFINITY);
      for (int sign = 1; sign >= (symmetric ? -1 : 1); sign -= 2) {
        for (int g = 0; g < groups; g++) {
          propose(g, settled[g] ? 0 : sign * share * widest[g], 0);
        }
        consider(count, share);
        for (int g = 0; g < groups; g++) {
          ofShare[g] = Math.min(ofShare[g], error[g]);
        }
      }
      open = settle();
    }
    double[] coarse = bestShare.clone();
    for (int step = -GroupFit.FINE_STEPS; step <= GroupFit.FINE_STEPS; step++) {
      for (int shift = -1; shift <= (symmetric ? -1 : 0); shift++) {
        for (int g = 0; g < groups; g++) {
          double s = (coarse[g] + step * GroupFit.FINE) * widest[g];
          propose(g, symmetric ? Math.copySign(s, scale[g]) : s, shift == 0 ? step & 1 : shift);
        }
        consider(count, 0);
      }
    }
    boolean better = true;
    for (int i = 0; better && i < GroupFit.REFITS; i++) {
      refit(count);
      better = consider(count, 0);
    }
  }

  /** The range's scale and zero, as {@link GroupFit} has them. */
  private void begin(int g, float low, float high) {
    if (symmetric) {
      zero[g] = middle;
      scale[g] = HalfFloat.round((-low >= high ? low : high) / -middle, scaleType);
      widest[g] = Math.max(-low, high) / (double) middle;
    } else {
      scale[g] = HalfFloat.round((high - low) / top, scaleType);
      zero[g] = scale[g] == 0 ? 0 : Math.min(top, Math.max(0, Math.round(-low / scale[g])));
      widest[g] = (high - low) / (double) top;
    }
    middleOfRange[g] = (low + high) / 2.0;
    bestShare[g] = 1;
  }

  /** The zero puts the middle of the range in the middle of the codes, moved by {@code shift}. Scale 0 proposes nothing. */
  private void propose(int g, double s, int shift) {
    candidate[g] = HalfFloat.round((float) s, scaleType);
    candidateZero[g] = symmetric ? middle
        : (int) Math.min(top, Math.max(0, Math.rint(top / 2.0 - middleOfRange[g] / s) + shift));
  }

  /** Settles groups of which the last share cuts off so much that narrower ones can't be better. @return whether any is open */
  private boolean settle() {
    boolean open = false;
    for (int g = 0; g < groups; g++) {
      settled[g] |= ofShare[g] >= HOPELESS * best[g];
      open |= !settled[g];
    }
    return open;
  }

  /** Takes the candidates of those groups for which they are better; whether there were any. */
  private boolean consider(int count, double share) {
    boolean any = false;
    for (int g = 0; g < groups; g++) {
      inverse[g] = candidate[g] == 0 ? 0 : 1 / candidate[g];
      lowest[g] = -candidateZero[g];
      highest[g] = top - candidateZero[g];
    }
    Arrays.fill(error, 0, groups, 0);
    for (int i = 0; i < count; i++) {
      addErrors(columns[i], candidate, inverse, lowest, highest, error, groups);
    }
    for (int g = 0; g < groups; g++) {
      if (candidate[g] != 0 && error[g] < best[g]) {
        best[g] = error[g];
        scale[g] = candidate[g];
        zero[g] = candidateZero[g];
        bestShare[g] = share;
        any = true;
      }
    }
    return any;
  }

  private static void addErrors(float[] column, float[] scale, float[] inverse, float[] lowest, float[] highest, float[] error,
      int groups) {
    for (int g = 0; g < groups; g++) {
      float x = column[g];
      float c = Math.max(lowest[g], Math.min(highest[g], x * inverse[g] + ROUNDING - ROUNDING));
      float d = x - c * scale[g];
      error[g] += d * d;
    }
  }

  /** Proposes the scales that suit the present codes best, by least squares. */
  private void refit(int count) {
    for (int g = 0; g < groups; g++) {
      inverse[g] = scale[g] == 0 ? 0 : 1 / scale[g];
      lowest[g] = -zero[g];
      highest[g] = top - zero[g];
    }
    Arrays.fill(product, 0, groups, 0);
    Arrays.fill(square, 0, groups, 0);
    for (int i = 0; i < count; i++) {
      addProducts(columns[i], inverse, lowest, highest, product, square, groups);
    }
    for (int g = 0; g < groups; g++) {
      candidate[g] = square[g] == 0 ? 0 : HalfFloat.round(product[g] / square[g], scaleType);
      candidateZero[g] = zero[g];
    }
  }

  private static void addProducts(float[] column, float[] inverse, float[] lowest, float[] highest, float[] product,
      float[] square, int groups) {
    for (int g = 0; g < groups; g++) {
      float x = column[g];
      float c = Math.max(lowest[g], Math.min(highest[g], x * inverse[g] + ROUNDING - ROUNDING));
      product[g] += c * x;
      square[g] += c * c;
    }
  }
}
