package dev.catena.sim.machine;

import dev.catena.sim.arithmetic.Rounding;
import dev.catena.sim.arithmetic.SmallFloat;
import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import dev.catena.sim.ptx.PtxRegister;
import java.util.List;

/** {@code cvt} (PTX ISA 9.7.9): between any two of the integer types, f16, bf16, tf32, f32 and f64. */
final class ConvertOps {
    private ConvertOps() {}

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        List<String> m = i.modifiers();
        String to = m.get(m.size() - 2);
        String from = m.get(m.size() - 1);
        List<PtxOperand> o = i.operands();
        if (to.equals("f16x2") || to.equals("bf16x2")) {
            return pack(k, i, to, from);
        }
        if (!to.matches("[us](8|16|32|64)|f16|bf16|f32|f64|tf32") || !from.matches("[us](8|16|32|64)|f16|bf16|f32|f64")) {
            throw k.unsupported("");
        }
        Instruction fast = common(k, i, to, from);
        if (fast != null) {
            return fast;
        }
        PtxRegister target = k.register(o.get(0));
        boolean wideTo = KernelDecoder.isWide(target);
        int d = k.slot(target);
        PtxRegister source = o.get(1) instanceof PtxOperand.Register r ? r.register() : null;
        boolean wideFrom = source != null ? KernelDecoder.isWide(source) : from.endsWith("64");
        int a = wideFrom ? k.from64(o.get(1)) : from.endsWith("16") ? k.from16(o.get(1)) : k.from32(o.get(1));
        Lanes.Long1 f = conversion(k, i, to, from);
        boolean halfTo = KernelDecoder.isHalf(target);
        return CompareOps.plain((w, active) -> {
            for (int mask = active; mask != 0; mask &= mask - 1) {
                int l = Integer.numberOfTrailingZeros(mask);
                long value = f.of(wideFrom ? w.r64[a][l] : w.r32[a][l]);
                if (wideTo) {
                    w.r64[d][l] = value;
                } else {
                    w.r32[d][l] = halfTo ? (int) value & 0xFFFF : (int) value;
                }
            }
        });
    }

    /** The conversions that address arithmetic and f32 code are full of. */
    private static Instruction common(KernelDecoder k, PtxInstruction i, String to, String from) {
        List<PtxOperand> o = i.operands();
        if (i.has("sat") || i.has("ftz") || !(o.get(1) instanceof PtxOperand.Register)
                || FloatOps.rounding(i) != Rounding.NEAREST) {
            return null;
        }
        PtxRegister d = k.register(o.get(0));
        PtxRegister a = k.register(o.get(1));
        boolean word = !KernelDecoder.isWide(a) && !KernelDecoder.isHalf(a);
        if (KernelDecoder.isWide(d) && word && from.equals("s32") && to.endsWith("64") && !to.startsWith("f")) {
            return Plain.widen(k.slot(d), k.slot(a), (dd, aa) -> {
                for (int l = 0; l < 32; l++) {
                    dd[l] = aa[l];
                }
            });
        }
        if (KernelDecoder.isWide(d) && word && from.equals("u32") && to.endsWith("64") && !to.startsWith("f")) {
            return Plain.widen(k.slot(d), k.slot(a), (dd, aa) -> {
                for (int l = 0; l < 32; l++) {
                    dd[l] = aa[l] & 0xFFFFFFFFL;
                }
            });
        }
        if (KernelDecoder.isWide(a) && !KernelDecoder.isWide(d) && !KernelDecoder.isHalf(d) && to.matches("[us]32")
                && from.matches("[us]64")) {
            return Plain.narrow(k.slot(d), k.slot(a), (dd, aa) -> {
                for (int l = 0; l < 32; l++) {
                    dd[l] = (int) aa[l];
                }
            });
        }
        if (to.equals("f32") && word && from.equals("s32")) {
            return Plain.of(k.slot(d), k.slot(a), Lanes.each(x -> Float.floatToRawIntBits((float) x)));
        }
        if (to.equals("f32") && word && from.equals("u32")) {
            return Plain.of(k.slot(d), k.slot(a), Lanes.each(x -> Float.floatToRawIntBits((float) (x & 0xFFFFFFFFL))));
        }
        if (to.equals("f32") && (from.equals("f16") || from.equals("bf16"))) {
            SmallFloat type = from.equals("f16") ? SmallFloat.F16 : SmallFloat.BF16;
            return Plain.of(k.slot(d), k.slot(a), Lanes.each(x -> Float.floatToRawIntBits(type.value(x))));
        }
        if (from.equals("f32") && (to.equals("f16") || to.equals("bf16")) && !i.has("relu")) {
            SmallFloat type = to.equals("f16") ? SmallFloat.F16 : SmallFloat.BF16;
            return Plain.of(k.slot(d), k.slot(a), Lanes.each(x -> type.bits(Float.intBitsToFloat(x))));
        }
        return null;
    }

    private static Instruction pack(KernelDecoder k, PtxInstruction i, String to, String from) {
        List<PtxOperand> o = i.operands();
        if (!from.equals("f32") || o.size() != 3 || i.has("satfinite") || i.has("rs")) {
            throw k.unsupported("");
        }
        SmallFloat type = to.startsWith("b") ? SmallFloat.BF16 : SmallFloat.F16;
        Rounding mode = FloatOps.rounding(i);
        boolean relu = i.has("relu");
        // The first source goes to the upper half.
        return Plain.of(k.to32(o.get(0)), k.from32(o.get(1)), k.from32(o.get(2)), Lanes.each((high, low) ->
                half(type, high, mode, relu) << 16 | half(type, low, mode, relu)));
    }

    private static int half(SmallFloat type, int bits, Rounding mode, boolean relu) {
        float x = Float.intBitsToFloat(bits);
        return type.bits(relu && x <= 0 ? 0 : x, mode);
    }

    private static Lanes.Long1 conversion(KernelDecoder k, PtxInstruction i, String to, String from) {
        boolean floatFrom = from.contains("f");
        boolean floatTo = to.contains("f");
        boolean sat = i.has("sat");
        boolean ftz = i.has("ftz");
        if (!floatFrom && !floatTo) {
            int bits = size(from);
            boolean signed = from.startsWith("s");
            return x -> integer(sat ? clamp(value(x, bits, signed), to, signed) : value(x, bits, signed), to);
        }
        Rounding mode = FloatOps.rounding(i);
        if (!floatTo) {
            Rounding integral = mode;
            return x -> floatToInteger(toDouble(x, from, ftz), to, integral);
        }
        if (!floatFrom) {
            int bits = size(from);
            boolean signed = from.startsWith("s");
            if (mode != Rounding.NEAREST && bits == 64) {
                throw k.unsupported("rounding");
            }
            return x -> {
                long v = value(x, bits, signed);
                if (!signed && v < 0) {         // u64 beyond 2^63
                    return to.equals("f64") ? Double.doubleToRawLongBits((v >>> 1 | v & 1) * 2.0)
                            : Float.floatToRawIntBits((v >>> 1 | v & 1) * 2.0f);
                }
                return to.equals("f32") && mode == Rounding.NEAREST ? Float.floatToRawIntBits((float) v)
                        : fromDouble(v, to, mode, ftz, sat, false);
            };
        }
        boolean toIntegral = i.has("rni") || i.has("rzi") || i.has("rmi") || i.has("rpi");
        boolean relu = i.has("relu");
        return x -> {
            double value = toDouble(x, from, ftz);
            return fromDouble(toIntegral && !Double.isNaN(value) ? Math.copySign(mode.toInteger(value), value) : value, to, mode,
                    ftz, sat, relu);
        };
    }

    private static int size(String type) {
        return Integer.parseInt(type.substring(1));
    }

    private static long value(long x, int bits, boolean signed) {
        int by = 64 - bits;
        return signed ? x << by >> by : x << by >>> by;
    }

    private static long integer(long x, String to) {
        return value(x, size(to), to.startsWith("s"));
    }

    private static long clamp(long x, String to, boolean signed) {
        int bits = size(to);
        if (to.startsWith("s")) {
            long most = bits == 64 ? Long.MAX_VALUE : (1L << bits - 1) - 1;
            return !signed && x < 0 ? most : Math.max(-most - 1, Math.min(most, x));
        }
        long most = bits == 64 ? -1 : (1L << bits) - 1;
        return signed && x < 0 ? 0 : Long.compareUnsigned(x, most) > 0 ? most : x;
    }

    /** Out of range clamps; NaN gives 0. */
    private static long floatToInteger(double x, String to, Rounding mode) {
        if (Double.isNaN(x)) {
            return 0;
        }
        double whole = mode.toInteger(x);
        int bits = size(to);
        if (to.startsWith("s")) {
            double most = Math.scalb(1.0, bits - 1);
            return whole >= most ? bits == 64 ? Long.MAX_VALUE : (1L << bits - 1) - 1 : whole < -most ? -(1L << bits - 1) : (long) whole;
        }
        if (whole <= 0) {
            return 0;
        }
        if (whole >= Math.scalb(1.0, bits)) {
            return bits == 64 ? -1 : (1L << bits) - 1;
        }
        return whole >= 0x1p63 ? (long) (whole - 0x1p63) | Long.MIN_VALUE : (long) whole;
    }

    private static double toDouble(long bits, String from, boolean ftz) {
        return switch (from) {
            case "f16" -> SmallFloat.F16.value((int) bits);
            case "bf16" -> SmallFloat.BF16.value((int) bits);
            case "f32" -> Float.intBitsToFloat(ftz ? FloatOps.flush((int) bits) : (int) bits);
            default -> Double.longBitsToDouble(bits);
        };
    }

    private static long fromDouble(double x, String to, Rounding mode, boolean ftz, boolean sat, boolean relu) {
        double value = sat ? x >= 1 ? 1 : x > 0 ? x : 0 : relu && x <= 0 ? 0 : x;
        switch (to) {
            case "f16":
                return SmallFloat.F16.bits(value, mode);
            case "bf16":
                return SmallFloat.BF16.bits(value, mode);
            case "f64":
                return Double.doubleToRawLongBits(value);
            case "tf32":
                return tf32(Float.floatToRawIntBits((float) value), mode);
            default:
                int bits = Double.isNaN(value) ? 0x7FFFFFFF : Float.floatToRawIntBits(mode.toFloat(value));
                return ftz ? FloatOps.flush(bits) : bits;
        }
    }

    /** Ten bits of fraction; the low thirteen bits are zero here (PTX leaves them open). */
    private static int tf32(int bits, Rounding mode) {
        if ((bits & 0x7F800000) == 0x7F800000) {
            return bits;
        }
        return switch (mode) {
            case ZERO -> bits & -0x2000;
            case NEAREST -> bits + 0xFFF + (bits >>> 13 & 1) & -0x2000;
            default -> bits + 0x1000 & -0x2000;
        };
    }
}
