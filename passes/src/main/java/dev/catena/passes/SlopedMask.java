package dev.catena.passes;

import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.ir.Value;

/**
 * A causal mask that also adds, for each head, a bias which falls by the head's slope with each position back (ALiBi: Press, Smith,
 * Lewis 2021). Softmax doesn't see what is the same for a whole row, so exporters may count positions from wherever they like:
 * from 0 (Bloom), from the last one (MPT).
 */
final class SlopedMask {
  /** Past and rows of steps that slopes are told from. */
  private static final int[][] LONG_STEPS = {{0, 33}, {0, 7}};
  private static final double ROUNDING = 1e-5;
  private static final double NARROW_ROUNDING = 2e-3;

  private final StepProbe probe;
  private final Value mask;
  private final double[] slopes;
  private final boolean fromOwnPosition;

  private SlopedMask(StepProbe probe, Value mask, double[] slopes, boolean fromOwnPosition) {
    this.probe = probe;
    this.mask = mask;
    this.slopes = slopes;
    this.fromOwnPosition = fromOwnPosition;
  }

  /**
   * What the mask's slopes must be if it has any, null where it can't have. That they hold is still to be seen.
   *
   * @param fromOwnPosition whether the bias must be 0 at a row's own position, as it must where the softmax has a sink
   */
  static SlopedMask of(StepProbe probe, Value mask, int heads, boolean fromOwnPosition) {
    for (int[] step : LONG_STEPS) {
      Tensor t = probe.rows(mask, -2, step[0], step[1]);
      if (t != null && fits(t, heads, step[0], step[1])) {
        int total = step[0] + step[1];
        double[] slopes = new double[heads];
        for (int h = 0; h < heads; h++) {
          int row = ((h + 1) * step[1] - 1) * total;
          slopes[h] = (float) ((t.get(row + total - 1) - t.get(row)) / (total - 1));
        }
        return new SlopedMask(probe, mask, slopes, fromOwnPosition);
      }
    }
    return null;
  }

  private static boolean fits(Tensor t, int heads, long past, long rows) {
    return t.rank() >= 3 && t.dim(-1) == past + rows && t.dim(-3) == heads && t.size() == heads * rows * (past + rows);
  }

  /** Whether the mask is causal at this step, but for the slopes. */
  boolean holds(long past, long rows) {
    Tensor t = probe.rows(mask, -2, past, rows);
    if (t == null || !fits(t, slopes.length, past, rows)) {
      return false;
    }
    int total = Math.toIntExact(past + rows);
    double rounding = t.element() == ElementType.F32 || t.element() == ElementType.F64 ? ROUNDING : NARROW_ROUNDING;
    for (int line = 0; line < t.size() / total; line++) {
      double slope = slopes[(int) (line / rows)];
      int own = (int) (past + line % rows);
      double here = t.get(line * total + own);
      double near = rounding * (Math.abs(here) + Math.abs(slope) * total);
      if (fromOwnPosition && Math.abs(here) > near) {
        return false;
      }
      for (int i = 0; i < total; i++) {
        double bias = t.get(line * total + i) - here;
        // Numbers that are not, as well.
        if (i <= own ? !(Math.abs(bias - slope * (i - own)) <= near) : !(t.get(line * total + i) <= StepProbe.LEAST_HIDDEN)) {
          return false;
        }
      }
    }
    return true;
  }

  /** f32 [heads]. */
  Tensor slopes() {
    float[] values = new float[slopes.length];
    for (int h = 0; h < values.length; h++) {
      values[h] = (float) slopes[h];
    }
    return Tensor.f32(values, values.length);
  }
}
