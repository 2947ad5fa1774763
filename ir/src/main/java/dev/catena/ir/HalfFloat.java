package dev.catena.ir;

/** Conversions between f32 and the 16-bit formats, round to nearest even (IEEE 754-2019 §4.3.1). */
public final class HalfFloat {
  /** The largest finite binary16 number. */
  public static final float LARGEST_F16 = 65504;

  private HalfFloat() {}

  /** The value of an IEEE binary16 bit pattern; exact. */
  public static float f16ToFloat(short bits) {
    int magnitude = bits & 0x7fff;
    int sign = (bits & 0x8000) << 16;
    if (magnitude >= 0x7c00) {
      return Float.intBitsToFloat(sign | 0x7f800000 | magnitude << 13);
    }
    // The exponents' biases differ by 112. Subnormal numbers come out right as well.
    return Float.intBitsToFloat(sign | Float.floatToRawIntBits(Float.intBitsToFloat(magnitude << 13) * 0x1p112f));
  }

  /** The nearest binary16 pattern; too large becomes infinity, NaN stays NaN. */
  public static short floatToF16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = (bits >>> 16) & 0x8000;
    int magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) {
      return (short) (sign | 0x7e00);
    }
    if (magnitude >= 0x477ff000) { // 65520 and above round to infinity
      return (short) (sign | 0x7c00);
    }
    if (magnitude < 0x38800000) { // below 2^-14: a multiple of 2^-24
      float scaled = Float.intBitsToFloat(magnitude) * 0x1p24f;
      return (short) (sign | (int) Math.rint(scaled));
    }
    int rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
    return (short) (sign | (rounded - 0x38000000) >> 13);
  }

  /** The value of a bfloat16 bit pattern; exact. */
  public static float bf16ToFloat(short bits) {
    return Float.intBitsToFloat((bits & 0xffff) << 16);
  }

  /** The nearest bfloat16 pattern; NaN stays NaN. */
  public static short floatToBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & 0x7fffffff) > 0x7f800000) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  /** {@code value} rounded to what {@code type} can hold; f32 and wider are unchanged. */
  public static float round(float value, ElementType type) {
    return switch (type) {
      case F16 -> f16ToFloat(floatToF16(value));
      case BF16 -> bf16ToFloat(floatToBf16(value));
      default -> value;
    };
  }
}
