package dev.catena.ir;

/**
 * Rounding to the floats narrower than f32, and the bit patterns of those of 8 and 4 bits: E4M3 and E5M2 of "FP8 Formats
 * for Deep Learning" (arXiv 2209.05433; as ONNX names them FN and, with one zero and one NaN, FNUZ), E2M1 and the power of
 * two E8M0 of the OCP Microscaling Formats 1.0. ONNX's Cast says what becomes of numbers that are too large.
 */
public final class NarrowFloat {
  /** How E8M0, which has powers of two alone, rounds what lies between them. */
  public enum RoundMode { UP, DOWN, NEAREST }

  /**
   * What a format can hold.
   *
   * @param mantissa bits behind the point
   * @param least    the exponent of the smallest normal number
   * @param largest  the largest finite number
   * @param infinite whether it has infinities
   * @param zeros    whether it has a negative zero
   */
  private record Format(int mantissa, int least, double largest, boolean infinite, boolean zeros) {}

  private static final Format F16 = new Format(10, -14, HalfFloat.LARGEST_F16, true, true);
  private static final Format BF16 = new Format(7, -126, 0x1.FEp127, true, true);
  private static final Format F8E4M3FN = new Format(3, -6, 448, false, true);
  private static final Format F8E4M3FNUZ = new Format(3, -7, 240, false, false);
  private static final Format F8E5M2 = new Format(2, -14, 57344, true, true);
  private static final Format F8E5M2FNUZ = new Format(2, -15, 57344, false, false);
  private static final Format F4E2M1 = new Format(1, 0, 6, false, true);

  private static final int E8M0_BIAS = 127;
  private static final int E8M0_NAN = 255;

  private NarrowFloat() {}

  private static Format format(ElementType type) {
    return switch (type) {
      case F16 -> F16;
      case BF16 -> BF16;
      case F8E4M3FN -> F8E4M3FN;
      case F8E4M3FNUZ -> F8E4M3FNUZ;
      case F8E5M2 -> F8E5M2;
      case F8E5M2FNUZ -> F8E5M2FNUZ;
      case F4E2M1 -> F4E2M1;
      default -> throw new IllegalArgumentException(type.keyword());
    };
  }

  /** {@code value} rounded to what {@code type} can hold, as ONNX's Cast does by default: saturated, E8M0 upwards. */
  public static float round(double value, ElementType type) {
    return round(value, type, true, RoundMode.UP);
  }

  /**
   * {@code value} rounded to the nearest number of {@code type}, halves to even.
   *
   * @param saturate whether floats of 8 bits become the largest finite number where they are too large (else infinite, or
   *     NaN in a format without infinities); E2M1 always does, f16 and bf16 never
   * @param mode     of E8M0 alone
   */
  public static float round(double value, ElementType type, boolean saturate, RoundMode mode) {
    if (type == ElementType.F32 || type == ElementType.F64) {
      return (float) value;
    }
    if (type == ElementType.F8E8M0) {
      return powerOfTwo(value, saturate, mode);
    }
    Format f = format(type);
    if (Double.isNaN(value)) {
      return type == ElementType.F4E2M1 ? -0f : Float.NaN; // which has no NaN: what the standard's tests want
    }
    double magnitude = Math.abs(value);
    if (!Double.isInfinite(value)) {
      int exponent = Math.max(Math.getExponent(magnitude), f.least);
      // Scaled so that the last bit that the format keeps is worth one: halves then go to even patterns.
      magnitude = Math.scalb(Math.rint(Math.scalb(magnitude, f.mantissa - exponent)), exponent - f.mantissa);
    }
    if (magnitude > f.largest) {
      boolean held = type == ElementType.F4E2M1 || type.bits() == 8 && saturate;
      magnitude = held ? f.largest : f.infinite ? Double.POSITIVE_INFINITY : Double.NaN;
    }
    if (magnitude == 0 && !f.zeros) {
      return 0;
    }
    return (float) Math.copySign(magnitude, value);
  }

  /** The sign, of which E8M0 has none, is dropped. */
  private static float powerOfTwo(double value, boolean saturate, RoundMode mode) {
    double magnitude = Math.abs(value);
    if (Double.isNaN(magnitude) || !saturate && (magnitude == 0 || Double.isInfinite(magnitude))) {
      return Float.NaN;
    }
    int exponent = Math.getExponent(magnitude);
    double fraction = exponent > Double.MAX_EXPONENT ? 1 : magnitude / Math.scalb(1.0, exponent);
    boolean up = mode == RoundMode.UP ? fraction > 1 : mode == RoundMode.NEAREST && fraction >= 1.5;
    int rounded = up ? exponent + 1 : exponent;
    if (!saturate && Math.abs(rounded) > E8M0_BIAS) {
      return Float.NaN;
    }
    return Math.scalb(1f, Math.max(-E8M0_BIAS, Math.min(E8M0_BIAS, rounded)));
  }

  /** The value of a bit pattern of a float of 8 or 4 bits; exact. */
  public static float decode(int bits, ElementType type) {
    if (type == ElementType.F8E8M0) {
      return bits == E8M0_NAN ? Float.NaN : Math.scalb(1f, bits - E8M0_BIAS);
    }
    Format f = format(type);
    int sign = bits >> (type.bits() - 1) & 1;
    int pattern = bits & (1 << type.bits() - 1) - 1;
    if (!f.zeros && sign == 1 && pattern == 0) {
      return Float.NaN;
    }
    int exponent = pattern >> f.mantissa;
    int fraction = pattern & (1 << f.mantissa) - 1;
    float magnitude = exponent == 0 ? Math.scalb((float) fraction, f.least - f.mantissa)
        : Math.scalb((float) (fraction + (1 << f.mantissa)), f.least + exponent - 1 - f.mantissa);
    if (magnitude > f.largest && type != ElementType.F4E2M1) {
      magnitude = f.infinite && fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN;
    }
    return sign == 1 ? -magnitude : magnitude;
  }

  /** The bit pattern of a number that a float of 8 or 4 bits can hold; what it can't is rounded first. */
  public static int encode(float value, ElementType type) {
    float held = round(value, type);
    int patterns = 1 << type.bits();
    for (int bits = 0; bits < patterns; bits++) {
      if (Float.floatToIntBits(decode(bits, type)) == Float.floatToIntBits(held)) {
        return bits;
      }
    }
    throw new IllegalStateException(value + " as " + type.keyword());
  }
}
