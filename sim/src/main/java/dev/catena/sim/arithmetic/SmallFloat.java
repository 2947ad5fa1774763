package dev.catena.sim.arithmetic;

/** Floating-point types of 16 bits: f16 and bf16. */
public enum SmallFloat {
    F16(10, 5), BF16(7, 8);

    private final int fraction;
    private final int bias;
    private final int exponentMask;
    private final float[] values = new float[1 << 16];

    SmallFloat(int fraction, int exponentBits) {
        this.fraction = fraction;
        bias = (1 << exponentBits - 1) - 1;
        exponentMask = (1 << exponentBits) - 1;
        for (int bits = 0; bits < values.length; bits++) {
            values[bits] = decode(bits);
        }
    }

    /** What PTX writes for not a number. */
    public static final int NAN = 0x7FFF;

    private float decode(int bits) {
        int exponent = bits >>> fraction & exponentMask;
        int mantissa = bits & (1 << fraction) - 1;
        float sign = (bits & 0x8000) != 0 ? -1 : 1;
        if (exponent == exponentMask) {
            return mantissa == 0 ? sign * Float.POSITIVE_INFINITY : Float.NaN;
        }
        return exponent == 0 ? sign * Math.scalb((float) mantissa, 1 - bias - fraction)
                : sign * Math.scalb(1 + mantissa / (float) (1 << fraction), exponent - bias);
    }

    /** Its value; every one is an f32. */
    public float value(int bits) {
        return values[bits & 0xFFFF];
    }

    /** The nearest bits, ties to even, subnormals kept. */
    public int bits(double x) {
        return bits(x, Rounding.NEAREST);
    }

    /** @param x exact or rounded to odd ({@link Rounding#sumToOdd}) */
    public int bits(double x, Rounding mode) {
        if (Double.isNaN(x)) {
            return NAN;
        }
        int sign = Double.doubleToRawLongBits(x) < 0 ? 0x8000 : 0;
        double magnitude = Math.abs(x);
        if (Double.isInfinite(magnitude)) {
            return sign | exponentMask << fraction;
        }
        int exponent = Math.max(Math.getExponent(magnitude), 1 - bias);
        double scaled = scale(magnitude, fraction - exponent);     // exact: a power of two
        Rounding unsigned = sign == 0 ? mode : mode == Rounding.UP ? Rounding.DOWN : mode == Rounding.DOWN ? Rounding.UP : mode;
        long mantissa = (long) unsigned.toInteger(scaled);
        if (mantissa >= 2L << fraction) {
            mantissa >>= 1;
            exponent++;
        }
        if (exponent > bias) {
            boolean stays = unsigned == Rounding.ZERO || unsigned == Rounding.DOWN;
            return sign | (exponentMask << fraction) - (stays ? 1 : 0);
        }
        if (mantissa < 1L << fraction) {
            return sign | (int) mantissa;      // subnormal
        }
        return sign | exponent + bias << fraction | (int) mantissa & (1 << fraction) - 1;
    }

    /** scalb in two steps, since one is limited to the range of normal factors. */
    private static double scale(double x, int by) {
        return Math.scalb(Math.scalb(x, by / 2), by - by / 2);
    }

    /** Subnormals become zero, as {@code .ftz} says. */
    public int flush(int bits) {
        return (bits >>> fraction & exponentMask) == 0 ? bits & 0x8000 : bits;
    }

    /** Whether the bits are not a number. */
    public boolean isNaN(int bits) {
        return Float.isNaN(value(bits));
    }

    /** a × b + c, rounded once. */
    public int fma(int a, int b, int c) {
        return bits(Rounding.sumToOdd((double) value(a) * value(b), value(c)));
    }

    public int add(int a, int b) {
        return bits(Rounding.sumToOdd(value(a), value(b)));
    }

    public int mul(int a, int b) {
        return bits((double) value(a) * value(b));
    }
}
