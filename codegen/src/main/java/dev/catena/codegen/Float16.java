package dev.catena.codegen;

/** Conversion between f32 and the bits of IEEE 754 binary16, which Java 17 doesn't have. */
public final class Float16 {
    private Float16() {}

    /** The nearest f16, ties to even; infinity beyond 65504 + half a step. */
    public static short bitsOf(float value) {
        int bits = Float.floatToRawIntBits(value);
        int sign = bits >>> 16 & 0x8000;
        int magnitude = bits & 0x7FFFFFFF;
        if (magnitude > 0x7F800000) {
            return (short) (sign | 0x7E00);
        } else if (magnitude >= 0x477FF000) {
            return (short) (sign | 0x7C00);
        } else if (magnitude < 0x38800000) {
            // Subnormal: f32's own addition rounds at the last bit of f16 once 0.5 stands above it.
            float shifted = Float.intBitsToFloat(magnitude) + 0.5f;
            return (short) (sign | Float.floatToRawIntBits(shifted) - 0x3F000000);
        }
        int rounded = magnitude + 0xFFF + (magnitude >>> 13 & 1);
        return (short) (sign | rounded - 0x38000000 >>> 13);
    }

    /** The value of f16 bits. */
    public static float valueOf(short half) {
        int sign = (half & 0x8000) << 16;
        int exponent = half >>> 10 & 31;
        int mantissa = half & 0x3FF;
        if (exponent == 31) {
            return Float.intBitsToFloat(sign | 0x7F800000 | mantissa << 13);
        } else if (exponent == 0) {
            float magnitude = mantissa * 0x1p-24f;
            return sign == 0 ? magnitude : -magnitude;
        }
        return Float.intBitsToFloat(sign | exponent + 112 << 23 | mantissa << 13);
    }
}
