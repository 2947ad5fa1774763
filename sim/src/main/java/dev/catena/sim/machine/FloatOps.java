package dev.catena.sim.machine;

import dev.catena.sim.arithmetic.Rounding;
import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;

/**
 * f32 and f64 arithmetic (PTX ISA 9.1, section 9.7.3). Approximations are computed exactly and then missed within the bound that
 * the instruction's notes give, in units of the last place (ulp), relative to the result, or absolutely.
 */
final class FloatOps {
    private static final int SIGN = 0x80000000;
    /** PTX's one NaN. */
    private static final int NAN = 0x7FFFFFFF;

    private static final double RSQRT_ERROR = Math.pow(2, -22.9);
    /** Of sine and cosine up to 2 pi and up to 100 pi. */
    private static final double SMALL_ANGLE_ERROR = Math.pow(2, -20.5);
    private static final double LARGE_ANGLE_ERROR = Math.pow(2, -14.7);

    private FloatOps() {}

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        if (i.opcode().equals("testp")) {
            throw k.unsupported("");
        }
        return InstructionDecoder.lastType(i).equals("f64") ? wide(k, i) : single(k, i);
    }

    static int flush(int bits) {
        return (bits & 0x7F800000) == 0 ? bits & SIGN : bits;
    }

    private static float f(int bits) {
        return Float.intBitsToFloat(bits);
    }

    private static int bits(float x) {
        return x != x ? NAN : Float.floatToRawIntBits(x);
    }

    /** Clamped to [0, 1]; NaN becomes 0. */
    static float saturate(float x) {
        return x >= 1 ? 1 : x > 0 ? x : 0;
    }

    static Rounding rounding(PtxInstruction i) {
        for (String modifier : i.modifiers()) {
            Rounding found = Rounding.of(modifier);
            if (found != null) {
                return found;
            }
        }
        return Rounding.NEAREST;
    }

    private static Instruction single(KernelDecoder k, PtxInstruction i) {
        List<PtxOperand> o = i.operands();
        int d = k.to32(o.get(0));
        int a = k.from32(o.get(1));
        boolean ftz = i.has("ftz");
        boolean sat = i.has("sat");
        Rounding mode = rounding(i);
        boolean simple = !ftz && !sat && mode == Rounding.NEAREST;
        if (o.size() == 2) {
            return unary(k, i, d, a, ftz, mode);
        }
        int b = k.from32(o.get(2));
        if (o.size() == 4) {
            int c = k.from32(o.get(3));
            if (i.opcode().equals("min") || i.opcode().equals("max")) {
                throw k.unsupported("three inputs");
            }
            if (simple) {
                return Plain.of(d, a, b, c, (dd, aa, bb, cc) -> {
                    for (int l = 0; l < 32; l++) {
                        dd[l] = Float.floatToRawIntBits(Math.fma(f(aa[l]), f(bb[l]), f(cc[l])));
                    }
                });
            }
            return Plain.of(d, a, b, c, Lanes.each((x, y, z) -> {
                double product = (double) in(x, ftz) * in(y, ftz);
                return out(mode.toFloat(Rounding.sumToOdd(product, in(z, ftz))), ftz, sat);
            }));
        }
        switch (i.opcode()) {
            case "add":
                return simple ? Plain.of(d, a, b, (dd, aa, bb) -> {
                    for (int l = 0; l < 32; l++) {
                        dd[l] = Float.floatToRawIntBits(f(aa[l]) + f(bb[l]));
                    }
                }) : Plain.of(d, a, b, Lanes.each((x, y) ->
                        out(mode.toFloat(Rounding.sumToOdd(in(x, ftz), in(y, ftz))), ftz, sat)));
            case "sub":
                return simple ? Plain.of(d, a, b, (dd, aa, bb) -> {
                    for (int l = 0; l < 32; l++) {
                        dd[l] = Float.floatToRawIntBits(f(aa[l]) - f(bb[l]));
                    }
                }) : Plain.of(d, a, b, Lanes.each((x, y) ->
                        out(mode.toFloat(Rounding.sumToOdd(in(x, ftz), -in(y, ftz))), ftz, sat)));
            case "mul":
                return simple ? Plain.of(d, a, b, (dd, aa, bb) -> {
                    for (int l = 0; l < 32; l++) {
                        dd[l] = Float.floatToRawIntBits(f(aa[l]) * f(bb[l]));
                    }
                }) : Plain.of(d, a, b, Lanes.each((x, y) ->
                        out(mode.toFloat((double) in(x, ftz) * in(y, ftz)), ftz, sat)));
            case "div":
                if (i.has("approx") || i.has("full")) {
                    return quotient(d, a, b, ftz, i.has("approx"));
                }
                if (mode != Rounding.NEAREST) {
                    throw k.unsupported("rounding");
                }
                return Plain.of(d, a, b, Lanes.each((x, y) -> out(in(x, ftz) / in(y, ftz), ftz, false)));
            case "min":
            case "max":
                if (i.has("xorsign")) {
                    throw k.unsupported("");
                }
                boolean max = i.opcode().equals("max");
                boolean nan = i.has("NaN");
                boolean abs = i.has("abs");
                return Plain.of(d, a, b, Lanes.each((x, y) ->
                        bits(minMax(in(abs ? x & ~SIGN : x, ftz), in(abs ? y & ~SIGN : y, ftz), max, nan))));
            case "copysign":
                return Plain.of(d, a, b, Lanes.each((x, y) -> x & SIGN | y & ~SIGN));
            default:
                throw k.unsupported("");
        }
    }

    private static float in(int bits, boolean ftz) {
        return f(ftz ? flush(bits) : bits);
    }

    private static int out(float x, boolean ftz, boolean sat) {
        int bits = bits(sat ? saturate(x) : x);
        return ftz ? flush(bits) : bits;
    }

    /** The other one where one is NaN, unless {@code nan}; -0 is less than +0. */
    static float minMax(float x, float y, boolean max, boolean nan) {
        if (x != x || y != y) {
            return nan ? Float.NaN : x != x ? y : x;
        }
        return max ? Math.max(x, y) : Math.min(x, y);
    }

    private static Instruction unary(KernelDecoder k, PtxInstruction i, int d, int a, boolean ftz, Rounding mode) {
        switch (i.opcode()) {
            case "neg":
                return Plain.of(d, a, Lanes.each(x -> (ftz ? flush(x) : x) ^ SIGN));
            case "abs":
                return Plain.of(d, a, Lanes.each(x -> (ftz ? flush(x) : x) & ~SIGN));
            default:
        }
        if (!i.has("approx")) {
            if (mode != Rounding.NEAREST) {
                throw k.unsupported("rounding");
            }
            return switch (i.opcode()) {
                case "rcp" -> Plain.of(d, a, Lanes.each(x -> out(1 / in(x, ftz), ftz, false)));
                case "sqrt" -> Plain.of(d, a, Lanes.each(x -> out((float) Math.sqrt(in(x, ftz)), ftz, false)));
                default -> throw k.unsupported("");
            };
        }
        return switch (i.opcode()) {
            case "rcp" -> approximate(d, a, ftz, x -> 1 / x, (x, y) -> ulp(y));
            case "sqrt" -> approximate(d, a, ftz, Math::sqrt, (x, y) -> 0x1p-23 * y);
            case "rsqrt" -> approximate(d, a, ftz, x -> 1 / Math.sqrt(x), (x, y) -> RSQRT_ERROR * y);
            // 2 ulp from the result when correctly rounded.
            case "ex2" -> approximate(d, a, ftz, FloatOps::exp2, (x, y) -> Math.abs(x) < Float.MIN_NORMAL ? 0 : 2 * ulp(y));     // 2^0 is 1
            case "lg2" -> approximate(d, a, ftz, FloatOps::log2, (x, y) -> 0x1p-22 * (x > 0.5 && x < 2 ? 1 : Math.abs(y)));
            case "sin" -> approximate(d, a, ftz, Math::sin, (x, y) -> circularError(x));
            case "cos" -> approximate(d, a, ftz, Math::cos, (x, y) -> circularError(x));
            case "tanh" -> approximate(d, a, ftz, Math::tanh, (x, y) -> 0x1p-11 * Math.abs(y));
            default -> throw k.unsupported("");
        };
    }

    /** Absolute, by range; beyond 100 pi nothing is promised. */
    private static double circularError(double x) {
        double size = Math.abs(x);
        return size <= 2 * Math.PI ? SMALL_ANGLE_ERROR : size <= 100 * Math.PI ? LARGE_ANGLE_ERROR : 1;
    }

    private static double ulp(double y) {
        float rounded = (float) y;
        return Float.isInfinite(rounded) ? 0 : Math.ulp(rounded);     // what overflows does so whatever the error
    }

    static double exp2(double x) {
        return x == Math.rint(x) && Math.abs(x) < 1000 ? Math.scalb(1.0, (int) x) : Math.pow(2, x);
    }

    static double log2(double x) {
        return Math.log(x) / Math.log(2);
    }

    interface Real { double of(double x); }

    private interface RealTwo { double of(double x, double y); }

    /** @param error how far from the exact result y of x it may be */
    private static Instruction approximate(int d, int a, boolean ftz, Real exact, RealTwo error) {
        return new Instruction(false) {
            @Override
            void run(Warp w, int active) {
                int[] from = w.r32[a];
                int[] to = w.r32[d];
                for (int m = active; m != 0; m &= m - 1) {
                    int l = Integer.numberOfTrailingZeros(m);
                    double x = in(from[l], ftz);
                    double y = exact.of(x);
                    to[l] = out((float) miss(w, y, error.of(x, y)), ftz, false);
                }
            }
        };
    }

    /**
     * A value at most {@code error} away from y, so that rounding it to f32 stays within the bound too: which one, the machine's seed
     * decides, for all that has this result, since a GPU gives the same for the same operand. Zeros, infinities and what has
     * no error, such as 2^0 = 1, stay: what is special is specified.
     */
    static double miss(Warp w, double y, double error) {
        if (y == 0 || Double.isInfinite(y) || Double.isNaN(y)) {
            return y;
        }
        double room = Math.max(0, error - ulp(y) * 0.5);
        return y + ((w.approximationOf(Double.doubleToRawLongBits(y)) >>> 7) * 0x1p-23 - 1) * room;
    }

    /** {@code div.approx} and {@code div.full}: 2 ulp. The former takes a reciprocal, which is zero for divisors above 2^126. */
    private static Instruction quotient(int d, int a, int b, boolean ftz, boolean approx) {
        return new Instruction(false) {
            @Override
            void run(Warp w, int active) {
                for (int m = active; m != 0; m &= m - 1) {
                    int l = Integer.numberOfTrailingZeros(m);
                    float divisor = in(w.r32[b][l], ftz);
                    double y = approx && Math.abs(divisor) > 0x1p126 && Math.abs(divisor) <= Float.MAX_VALUE
                            ? in(w.r32[a][l], ftz) * Math.copySign(0.0, divisor)
                            : (double) in(w.r32[a][l], ftz) / divisor;
                    w.r32[d][l] = out((float) miss(w, y, 2 * ulp(y)), ftz, false);
                }
            }
        };
    }

    /**
     * {@code rcp.approx.ftz.f64} (9.7.3.14): of the upper 32 bits alone, to 20 bits of mantissa. "Gross" has no bound; here it
     * is missed by up to one of those 20 bits either way.
     */
    private static Instruction grossReciprocal(int d, int a) {
        return new Instruction(false) {
            @Override
            void run(Warp w, int active) {
                for (int m = active; m != 0; m &= m - 1) {
                    int l = Integer.numberOfTrailingZeros(m);
                    long y = upperHalf(Double.doubleToRawLongBits(1 / Double.longBitsToDouble(upperHalf(w.r64[a][l]))));
                    boolean special = (y << 1) == 0 || (y >>> 52 & 0x7FF) == 0x7FF || (y << 12) == 0;
                    w.r64[d][l] = special ? y : y + ((long) (Integer.remainderUnsigned(w.approximationOf(y), 3) - 1) << 32);
                }
            }
        };
    }

    /** Without the low 32 bits of the mantissa; subnormals are zero. */
    private static long upperHalf(long bits) {
        return bits & ((bits >>> 52 & 0x7FF) == 0 ? 1L << 63 : -1L << 32);
    }

    private static Instruction wide(KernelDecoder k, PtxInstruction i) {
        List<PtxOperand> o = i.operands();
        if (i.opcode().equals("rcp") && i.has("approx") && i.has("ftz")) {
            return grossReciprocal(k.to64(o.get(0)), k.from64(o.get(1)));
        }
        if (rounding(i) != Rounding.NEAREST || i.has("approx") || i.has("sat")) {
            throw k.unsupported("");
        }
        int d = k.to64(o.get(0));
        int a = k.from64(o.get(1));
        if (o.size() == 2) {
            Real f = switch (i.opcode()) {
                case "neg" -> x -> -x;
                case "abs" -> Math::abs;
                case "rcp" -> x -> 1 / x;
                case "sqrt" -> Math::sqrt;
                default -> throw k.unsupported("");
            };
            return Plain.ofLong(d, a, Lanes.eachLong(x -> Double.doubleToRawLongBits(f.of(Double.longBitsToDouble(x)))));
        }
        int b = k.from64(o.get(2));
        if (o.size() == 4) {
            return Plain.ofLong(d, a, b, k.from64(o.get(3)), Lanes.eachLong((x, y, z) -> Double.doubleToRawLongBits(
                    Math.fma(Double.longBitsToDouble(x), Double.longBitsToDouble(y), Double.longBitsToDouble(z)))));
        }
        RealTwo f = switch (i.opcode()) {
            case "add" -> Double::sum;
            case "sub" -> (x, y) -> x - y;
            case "mul" -> (x, y) -> x * y;
            case "div" -> (x, y) -> x / y;
            case "min" -> (x, y) -> x != x ? y : y != y ? x : Math.min(x, y);
            case "max" -> (x, y) -> x != x ? y : y != y ? x : Math.max(x, y);
            default -> throw k.unsupported("");
        };
        return Plain.ofLong(d, a, b, Lanes.eachLong((x, y) ->
                Double.doubleToRawLongBits(f.of(Double.longBitsToDouble(x), Double.longBitsToDouble(y)))));
    }
}
