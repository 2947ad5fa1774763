package dev.catena.sim.machine;

import dev.catena.sim.arithmetic.SmallFloat;
import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;

/** f16, bf16 and pairs of them (PTX ISA 9.7.4): every operation rounds once; subnormals stay unless {@code .ftz}. */
final class HalfOps {
    private HalfOps() {}

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        String name = InstructionDecoder.lastType(i);
        SmallFloat type = name.startsWith("b") ? SmallFloat.BF16 : SmallFloat.F16;
        boolean pair = name.endsWith("x2");
        boolean ftz = i.has("ftz");
        List<PtxOperand> o = i.operands();
        int d = k.to32(o.get(0));
        int a = pair ? k.from32(o.get(1)) : k.from16(o.get(1));
        if (o.size() == 2) {
            if (i.opcode().equals("ex2") || i.opcode().equals("tanh")) {
                return approximate(k, i, d, a, type, pair, ftz);
            }
            Lanes.Int1 f = switch (i.opcode()) {
                case "neg" -> x -> x ^ 0x8000;
                case "abs" -> x -> x & 0x7FFF;
                default -> throw k.unsupported("");
            };
            Lanes.Int1 g = ftz ? x -> f.of(type.flush(x)) : f;
            return Plain.of(d, a, Lanes.each(pair ? x -> g.of(x & 0xFFFF) | g.of(x >>> 16) << 16 : g));
        }
        int b = pair ? k.from32(o.get(2)) : k.from16(o.get(2));
        if (o.size() == 3) {
            Lanes.Int2 f = finish(type, i, two(k, i, type), ftz);
            return Plain.of(d, a, b, Lanes.each(pair
                    ? (x, y) -> f.of(x & 0xFFFF, y & 0xFFFF) | f.of(x >>> 16, y >>> 16) << 16 : f));
        }
        int c = pair ? k.from32(o.get(3)) : k.from16(o.get(3));
        if (!i.opcode().equals("fma")) {
            throw k.unsupported("");
        }
        Lanes.Int3 f = (x, y, z) -> ftz ? clamp(type, i, type.flush(type.fma(type.flush(x), type.flush(y), type.flush(z))))
                : type.fma(x, y, z);
        Lanes.Int3 g = i.has("relu") || i.has("sat") ? (x, y, z) -> clamp(type, i, f.of(x, y, z)) : f;
        return Plain.of(d, a, b, c, Lanes.each(pair
                ? (x, y, z) -> g.of(x & 0xFFFF, y & 0xFFFF, z & 0xFFFF) | g.of(x >>> 16, y >>> 16, z >>> 16) << 16 : g));
    }

    private static Lanes.Int2 finish(SmallFloat type, PtxInstruction i, Lanes.Int2 f, boolean ftz) {
        boolean clamps = i.has("sat") || i.has("relu");
        if (!ftz && !clamps) {
            return f;
        }
        return (x, y) -> clamp(type, i, ftz ? type.flush(f.of(type.flush(x), type.flush(y))) : f.of(x, y));
    }

    private static int clamp(SmallFloat type, PtxInstruction i, int bits) {
        if (i.has("relu")) {
            return type.isNaN(bits) ? SmallFloat.NAN : (bits & 0x8000) != 0 ? 0 : bits;
        }
        return i.has("sat") ? type.bits(FloatOps.saturate(type.value(bits))) : bits;
    }

    private static Lanes.Int2 two(KernelDecoder k, PtxInstruction i, SmallFloat type) {
        return switch (i.opcode()) {
            case "add" -> type::add;
            case "sub" -> (x, y) -> type.add(x, y ^ 0x8000);
            case "mul" -> type::mul;
            case "min", "max" -> {
                boolean max = i.opcode().equals("max");
                boolean nan = i.has("NaN");
                if (i.has("xorsign")) {
                    throw k.unsupported("");
                }
                yield (x, y) -> type.bits(FloatOps.minMax(type.value(x), type.value(y), max, nan));
            }
            default -> throw k.unsupported("");
        };
    }

    private static Instruction approximate(KernelDecoder k, PtxInstruction i, int d, int a, SmallFloat type, boolean pair,
            boolean ftz) {
        boolean exponential = i.opcode().equals("ex2");
        // PTX ISA 9.1, 9.7.4.9 and 9.7.4.10; ex2: relative, tanh: absolute.
        double bound = Math.pow(2, type == SmallFloat.F16 ? exponential ? -9.9 : -10.987 : exponential ? -7 : -8);
        return CompareOps.plain((w, active) -> {
            for (int m = active; m != 0; m &= m - 1) {
                int l = Integer.numberOfTrailingZeros(m);
                int x = w.r32[a][l];
                int low = one(w, type, x & 0xFFFF, exponential, bound, ftz);
                w.r32[d][l] = pair ? low | one(w, type, x >>> 16, exponential, bound, ftz) << 16 : low;
            }
        });
    }

    private static int one(Warp w, SmallFloat type, int bits, boolean exponential, double bound, boolean ftz) {
        double x = type.value(ftz ? type.flush(bits) : bits);
        double y = exponential ? FloatOps.exp2(x) : Math.tanh(x);
        int nearest = type.bits(y);
        double error = exponential ? bound * y : bound;
        // A neighbour, where the bound has room for one.
        int other = nearest + (w.approximationOf(bits) % 3 - 1);
        return Math.abs(type.value(other) - y) <= error ? other & 0xFFFF : nearest;
    }
}
