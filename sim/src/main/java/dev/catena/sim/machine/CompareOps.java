package dev.catena.sim.machine;

import dev.catena.sim.arithmetic.SmallFloat;
import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;

/** {@code setp}, {@code set}, {@code selp}, {@code slct} (PTX ISA 9.7.6, 9.7.7). */
final class CompareOps {
    private CompareOps() {}

    /** A predicate operand, one bit a lane. */
    interface Predicate { int of(Warp w); }

    interface Body { void run(Warp w, int active); }

    /** As {@link Body}, for what reports faults. */
    interface BodyAt { void run(Warp w, int active, Instruction at); }

    static Instruction plain(BodyAt body) {
        return new Instruction(false) {
            @Override
            void run(Warp w, int active) {
                body.run(w, active, this);
            }
        };
    }

    static Instruction plain(Body body) {
        return new Instruction(false) {
            @Override
            void run(Warp w, int active) {
                body.run(w, active);
            }
        };
    }

    static Predicate predicate(KernelDecoder k, PtxOperand operand) {
        if (operand instanceof PtxOperand.Immediate immediate) {
            int value = immediate.bits() != 0 ? -1 : 0;
            return w -> value;
        }
        int slot = k.toPredicate(operand);
        return ((PtxOperand.Register) operand).negated() ? w -> ~w.predicates[slot] : w -> w.predicates[slot];
    }

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        List<PtxOperand> o = i.operands();
        String type = InstructionDecoder.lastType(i);
        boolean wide = type.endsWith("64");
        switch (i.opcode()) {
            case "selp": {
                Predicate p = predicate(k, o.get(3));
                if (wide) {
                    int d = k.to64(o.get(0));
                    int a = k.from64(o.get(1));
                    int b = k.from64(o.get(2));
                    return plain((w, active) -> {
                        int mask = p.of(w);
                        for (int m = active; m != 0; m &= m - 1) {
                            int l = Integer.numberOfTrailingZeros(m);
                            w.r64[d][l] = (mask >> l & 1) != 0 ? w.r64[a][l] : w.r64[b][l];
                        }
                    });
                }
                int d = k.to32(o.get(0));
                int a = type.endsWith("16") ? k.from16(o.get(1)) : k.from32(o.get(1));
                int b = type.endsWith("16") ? k.from16(o.get(2)) : k.from32(o.get(2));
                return plain((w, active) -> {
                    int mask = p.of(w);
                    for (int m = active; m != 0; m &= m - 1) {
                        int l = Integer.numberOfTrailingZeros(m);
                        w.r32[d][l] = (mask >> l & 1) != 0 ? w.r32[a][l] : w.r32[b][l];
                    }
                });
            }
            case "slct": {
                if (!type.equals("s32") || i.modifiers().get(0).endsWith("64")) {
                    throw k.unsupported("");
                }
                return Plain.of(k.to32(o.get(0)), k.from32(o.get(1)), k.from32(o.get(2)), k.from32(o.get(3)),
                        Lanes.each((x, y, z) -> z >= 0 ? x : y));
            }
            default:
                return compare(k, i, wide);
        }
    }

    private static Instruction compare(KernelDecoder k, PtxInstruction i, boolean wide) {
        List<PtxOperand> o = i.operands();
        String type = InstructionDecoder.lastType(i);
        String how = i.modifiers().get(0);
        Predicate result;
        if (wide) {
            int a = k.from64(o.get(1));
            int b = k.from64(o.get(2));
            Lanes.CompareLong f = longTest(k, how, type);
            result = w -> f.run(w.r64[a], w.r64[b]);
        } else {
            boolean half = type.endsWith("16");
            int a = half ? k.from16(o.get(1)) : k.from32(o.get(1));
            int b = half ? k.from16(o.get(2)) : k.from32(o.get(2));
            if (type.endsWith("x2")) {
                throw k.unsupported("");
            }
            Lanes.Compare f = test(k, how, type, i.has("ftz"));
            result = w -> f.run(w.r32[a], w.r32[b]);
        }
        if (i.opcode().equals("set")) {
            if (o.size() > 3 || i.modifiers().size() > 4) {
                throw k.unsupported("");
            }
            int d = k.to32(o.get(0));
            boolean asFloat = i.modifiers().get(i.modifiers().size() - 2).equals("f32");
            int yes = asFloat ? Float.floatToRawIntBits(1) : -1;
            return plain((w, active) -> {
                int mask = result.of(w);
                for (int m = active; m != 0; m &= m - 1) {
                    int l = Integer.numberOfTrailingZeros(m);
                    w.r32[d][l] = (mask >> l & 1) != 0 ? yes : 0;
                }
            });
        }
        int p = k.toPredicate(o.get(0) instanceof PtxOperand.Pair pair ? pair.first() : o.get(0));
        int q = o.get(0) instanceof PtxOperand.Pair pair ? k.toPredicate(pair.second()) : -1;
        if (o.size() < 4) {
            return plain((w, active) -> {
                int mask = result.of(w);
                Plain.setPredicate(w, p, active, mask);
                Plain.setPredicate(w, q, active, ~mask);
            });
        }
        Predicate c = predicate(k, o.get(3));
        int combine = i.has("and") ? 0 : i.has("or") ? 1 : 2;
        return plain((w, active) -> {
            int mask = result.of(w);
            int third = c.of(w);
            Plain.setPredicate(w, p, active, combine == 0 ? mask & third : combine == 1 ? mask | third : mask ^ third);
            Plain.setPredicate(w, q, active, combine == 0 ? ~mask & third : combine == 1 ? ~mask | third : ~mask ^ third);
        });
    }

    private static Lanes.Compare test(KernelDecoder k, String how, String type, boolean ftz) {
        switch (type) {
            case "f32":
                Lanes.Test f = floatTest(k, how);
                return ftz ? Lanes.test((a, b) -> f.of(FloatOps.flush(a), FloatOps.flush(b))) : Lanes.test(f);
            case "f16":
                return small(k, how, SmallFloat.F16);
            case "bf16":
                return small(k, how, SmallFloat.BF16);
            case "s16":
                Lanes.Test s = intTest(k, how, true);
                return Lanes.test((a, b) -> s.of((short) a, (short) b));
            default:
                return Lanes.test(intTest(k, how, type.startsWith("s")));
        }
    }

    private static Lanes.Compare small(KernelDecoder k, String how, SmallFloat type) {
        Lanes.Test f = floatTest(k, how);
        return Lanes.test((a, b) -> f.of(Float.floatToRawIntBits(type.value(a)), Float.floatToRawIntBits(type.value(b))));
    }

    private static Lanes.Test intTest(KernelDecoder k, String how, boolean signed) {
        return switch (how) {
            case "eq" -> (a, b) -> a == b;
            case "ne" -> (a, b) -> a != b;
            case "lt" -> signed ? (a, b) -> a < b : (a, b) -> Integer.compareUnsigned(a, b) < 0;
            case "le" -> signed ? (a, b) -> a <= b : (a, b) -> Integer.compareUnsigned(a, b) <= 0;
            case "gt" -> signed ? (a, b) -> a > b : (a, b) -> Integer.compareUnsigned(a, b) > 0;
            case "ge" -> signed ? (a, b) -> a >= b : (a, b) -> Integer.compareUnsigned(a, b) >= 0;
            case "lo" -> (a, b) -> Integer.compareUnsigned(a, b) < 0;
            case "ls" -> (a, b) -> Integer.compareUnsigned(a, b) <= 0;
            case "hi" -> (a, b) -> Integer.compareUnsigned(a, b) > 0;
            case "hs" -> (a, b) -> Integer.compareUnsigned(a, b) >= 0;
            default -> throw k.unsupported(how);
        };
    }

    private static Lanes.CompareLong longTest(KernelDecoder k, String how, String type) {
        if (type.equals("f64")) {
            DoubleTest f = doubleTest(k, how);
            return Lanes.testLong((a, b) -> f.of(Double.longBitsToDouble(a), Double.longBitsToDouble(b)));
        }
        boolean signed = type.startsWith("s");
        return Lanes.testLong(switch (how) {
            case "eq" -> (a, b) -> a == b;
            case "ne" -> (a, b) -> a != b;
            case "lt" -> signed ? (a, b) -> a < b : (a, b) -> Long.compareUnsigned(a, b) < 0;
            case "le" -> signed ? (a, b) -> a <= b : (a, b) -> Long.compareUnsigned(a, b) <= 0;
            case "gt" -> signed ? (a, b) -> a > b : (a, b) -> Long.compareUnsigned(a, b) > 0;
            case "ge" -> signed ? (a, b) -> a >= b : (a, b) -> Long.compareUnsigned(a, b) >= 0;
            case "lo" -> (a, b) -> Long.compareUnsigned(a, b) < 0;
            case "ls" -> (a, b) -> Long.compareUnsigned(a, b) <= 0;
            case "hi" -> (a, b) -> Long.compareUnsigned(a, b) > 0;
            case "hs" -> (a, b) -> Long.compareUnsigned(a, b) >= 0;
            default -> throw k.unsupported(how);
        });
    }

    private static Lanes.Test floatTest(KernelDecoder k, String how) {
        DoubleTest f = doubleTest(k, how);
        return (a, b) -> f.of(Float.intBitsToFloat(a), Float.intBitsToFloat(b));
    }

    private interface DoubleTest { boolean of(double a, double b); }

    /** Ordered comparisons are false on NaN, those that end in {@code u} true. */
    private static DoubleTest doubleTest(KernelDecoder k, String how) {
        return switch (how) {
            case "eq" -> (a, b) -> a == b;
            case "ne" -> (a, b) -> a < b || a > b;
            case "lt" -> (a, b) -> a < b;
            case "le" -> (a, b) -> a <= b;
            case "gt" -> (a, b) -> a > b;
            case "ge" -> (a, b) -> a >= b;
            case "equ" -> (a, b) -> !(a < b || a > b);
            case "neu" -> (a, b) -> a != b;
            case "ltu" -> (a, b) -> !(a >= b);
            case "leu" -> (a, b) -> !(a > b);
            case "gtu" -> (a, b) -> !(a <= b);
            case "geu" -> (a, b) -> !(a < b);
            case "num" -> (a, b) -> !Double.isNaN(a) && !Double.isNaN(b);
            case "nan" -> (a, b) -> Double.isNaN(a) || Double.isNaN(b);
            default -> throw k.unsupported(how);
        };
    }
}
