package dev.catena.ir;

import java.util.Locale;

/**
 * Chooses the scale and zero point of one group of weights: value = (code − zero) · scale. Not thread-safe; reuse one for
 * many groups.
 *
 * <ul>
 *   <li>{@link Scales#RANGE}: asymmetric, the group's range, widened to hold zero, is spread over the codes; symmetric, the
 *       largest magnitude takes the end of the codes that reaches further, with a negative scale where that is needed.
 *   <li>{@link Scales#SEARCH}: the one of many narrower ranges (and, if symmetric, both signs) whose error is smallest, then
 *       the scale re-fitted to the codes by least squares as long as that helps. Never worse than the range. Whole matrices
 *       without importance are searched by {@link GroupSearch}, many groups at once.
 * </ul>
 */
public final class GroupFit {
  /** How a scale is chosen. */
  public enum Scales {
    RANGE, SEARCH;

    /** As the text form and the pass's option write it. */
    public String keyword() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Shares of the range that a search tries, here and in {@link GroupSearch}: coarse steps down to the narrowest, then fine ones. */
  static final double NARROWEST = 0.4;
  static final double COARSE = 0.06;
  static final double FINE = 0.02;
  static final int FINE_STEPS = 2;
  static final int REFITS = 4;

  private final int top;
  private final int middle;
  private final boolean symmetric;
  private final ElementType scaleType;
  private final boolean search;
  private float[] weights;
  private int from;
  private int count;
  private double[] importance;
  private double[] gram;
  private double[] delta = new double[0];
  private double best;
  private float bestScale;
  private int bestZero;
  private float scale;
  private int zero;

  public GroupFit(QuantType type, Scales scales) {
    top = (1 << type.code().bits()) - 1;
    middle = type.symmetricZero();
    symmetric = type.zero() == null;
    scaleType = type.scale();
    // The error of 8 bits is that of the rounding, not of the range.
    search = scales == Scales.SEARCH && type.code().bits() < 8;
  }

  /** Fits to equally important weights. */
  public void fit(float[] w, int first, int columns) {
    fit(w, first, columns, null, null);
  }

  /**
   * Fits.
   *
   * @param w       holds the group from {@code first} on
   * @param columnImportance of each of the group's columns, a factor of its squared error; null: all alike
   * @param columnGram {@code [columns, columns]} in place of it: the error is Δᵀ G Δ; or null
   */
  public void fit(float[] w, int first, int columns, double[] columnImportance, double[] columnGram) {
    weights = w;
    from = first;
    count = columns;
    importance = columnImportance;
    gram = columnGram;
    float low = 0;
    float high = 0;
    float strange = 0; // NaN once there is a NaN or an infinity: no comparison tells
    for (int i = from; i < from + count; i++) {
      if (w[i] < low) {
        low = w[i];
      } else if (w[i] > high) {
        high = w[i];
      }
    }
    int i = from;
    for (; i + 4 <= from + count; i += 4) {
      strange += w[i] * 0 + w[i + 1] * 0 + (w[i + 2] * 0 + w[i + 3] * 0);
    }
    for (; i < from + count; i++) {
      strange += w[i] * 0;
    }
    low += strange;
    high += strange;
    fitRange(low, high);
    if (search && scale != 0) {
      search(low, high);
    }
  }

  private void fitRange(float low, float high) {
    if (symmetric) {
      zero = middle;
      // The code range reaches one step further below zero than above it; the larger side takes that step.
      scale = round((-low >= high ? low : high) / -middle);
    } else {
      scale = round((high - low) / top);
      zero = scale == 0 ? 0 : Math.min(top, Math.max(0, Math.round(-low / scale)));
    }
  }

  /** Coarse steps first, then fine ones around the best: the error has one valley, apart from ripples. */
  private void search(float low, float high) {
    best = error(scale, zero);
    bestScale = scale;
    bestZero = zero;
    double middleOfRange = (low + high) / 2.0;
    double widest = symmetric ? Math.max(-low, high) / middle : (high - low) / top;
    double bestShare = 1;
    for (double share = 1; share >= NARROWEST; share -= COARSE) {
      if (symmetric ? consider(share * widest, middle) | consider(-share * widest, middle)
          : consider(share * widest, zeroOf(share * widest, middleOfRange, 0))) {
        bestShare = share;
      }
    }
    for (int step = -FINE_STEPS; step <= FINE_STEPS; step++) {
      double s = (bestShare + step * FINE) * widest;
      if (symmetric) {
        consider(Math.copySign(s, bestScale), middle);
      } else {
        consider(s, zeroOf(s, middleOfRange, step & 1));
        consider(s, zeroOf(s, middleOfRange, -1));
      }
    }
    scale = bestScale;
    zero = bestZero;
    for (int i = 0; i < REFITS; i++) {
      float refitted = leastSquares();
      double e = refitted == 0 ? Double.POSITIVE_INFINITY : error(refitted, zero);
      if (!(e < best)) {
        break;
      }
      best = e;
      scale = refitted;
    }
  }

  /** The zero that puts the middle of the range in the middle of the codes, moved by {@code shift}. */
  private int zeroOf(double s, double middleOfRange, int shift) {
    return (int) Math.min(top, Math.max(0, Math.rint(top / 2.0 - middleOfRange / s) + shift));
  }

  /** Keeps the candidate if it is the best so far. */
  private boolean consider(double candidate, int z) {
    float s = round((float) candidate);
    double e = s == 0 ? Double.POSITIVE_INFINITY : error(s, z);
    if (!(e < best)) {
      return false;
    }
    best = e;
    bestScale = s;
    bestZero = z;
    return true;
  }

  /** The scale that suits the present codes best. */
  private float leastSquares() {
    double product = 0;
    double square = 0;
    for (int i = 0; i < count; i++) {
      double c = code(weights[from + i]) - zero;
      double f = importanceOf(i);
      product += f * c * weights[from + i];
      square += f * c * c;
    }
    return square == 0 ? 0 : round((float) (product / square));
  }

  private double importanceOf(int i) {
    return gram != null ? gram[i * count + i] : importance != null ? importance[i] : 1;
  }

  private double error(float s, int z) {
    float inverse = 1 / s;
    if (gram == null) {
      double sum = 0;
      for (int i = 0; i < count; i++) {
        float w = weights[from + i];
        double d = w - (code(w, inverse, z) - z) * s;
        sum += importanceOf(i) * d * d;
      }
      return sum;
    }
    if (delta.length < count) {
      delta = new double[count];
    }
    for (int i = 0; i < count; i++) {
      float w = weights[from + i];
      delta[i] = w - (code(w, inverse, z) - z) * s;
    }
    double sum = 0;
    for (int i = 0; i < count; i++) {
      double row = 0;
      for (int j = 0; j < i; j++) {
        row += gram[i * count + j] * delta[j];
      }
      sum += delta[i] * (2 * row + gram[i * count + i] * delta[i]);
    }
    return sum;
  }

  private float round(float s) {
    return HalfFloat.round(s, scaleType);
  }

  public float scale() {
    return scale;
  }

  public int zero() {
    return zero;
  }

  /** The nearest code of {@code w}. */
  public int code(float w) {
    return scale == 0 ? zero : code(w, 1 / scale, zero);
  }

  /** Writes the nearest codes of {@code columns} weights from {@code first} on to the same places of {@code codes}. */
  void codes(float[] w, int first, int columns, byte[] codes) {
    float inverse = scale == 0 ? 0 : 1 / scale;
    double offset = zero + 0.5;
    for (int i = first; i < first + columns; i++) {
      codes[i] = (byte) code(w[i], inverse, offset);
    }
  }

  /** Takes over what a batch's search has found. */
  void take(float foundScale, int foundZero) {
    scale = foundScale;
    zero = foundZero;
  }

  private int code(float w, float inverse, int z) {
    return code(w, inverse, z + 0.5);
  }

  /** Halves go up, as {@link Math#round} has it; whatever is below zero becomes zero whichever way it is cut. */
  private int code(float w, float inverse, double zeroAndHalf) {
    return Math.min(top, Math.max(0, (int) (w * inverse + zeroAndHalf)));
  }
}
