package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;

/**
 * Arithmetic of more than 64 bits (PTX ISA 9.7.2): {@code .cc} leaves a carry, or a borrow, of each lane, which {@code addc},
 * {@code subc} and {@code madc} take. Types with a sign differ only in the upper half of a product.
 */
final class CarryOps {
    private CarryOps() {}

    static boolean isOne(PtxInstruction i) {
        return i.has("cc") || i.opcode().equals("addc") || i.opcode().equals("subc") || i.opcode().equals("madc");
    }

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        String type = InstructionDecoder.lastType(i);
        if (!type.matches("[us](32|64)")) {
            throw k.unsupported("");
        }
        boolean signed = type.startsWith("s");
        boolean takes = i.opcode().endsWith("c");
        boolean gives = i.has("cc");
        boolean subtracts = i.opcode().startsWith("sub");
        boolean multiplies = i.opcode().startsWith("mad");
        boolean high = i.has("hi");
        if (multiplies && !high && !i.has("lo")) {
            throw k.unsupported("");
        }
        List<PtxOperand> o = i.operands();
        if (type.endsWith("32")) {
            int d = k.to32(o.get(0));
            int a = k.from32(o.get(1));
            int b = k.from32(o.get(2));
            int c = multiplies ? k.from32(o.get(3)) : b;
            return each((w, l) -> {
                long x = w.r32[a][l];
                long y = w.r32[b][l];
                if (multiplies) {
                    long product = signed ? x * y : (x & 0xFFFFFFFFL) * (y & 0xFFFFFFFFL);
                    x = high ? product >> 32 : product;
                    y = w.r32[c][l];
                }
                long carry = takes ? w.carries >>> l & 1 : 0;
                long sum = subtracts ? (x & 0xFFFFFFFFL) - (y & 0xFFFFFFFFL) - carry : (x & 0xFFFFFFFFL) + (y & 0xFFFFFFFFL) + carry;
                w.r32[d][l] = (int) sum;
                return sum >>> 32 != 0;
            }, gives);
        }
        int d = k.to64(o.get(0));
        int a = k.from64(o.get(1));
        int b = k.from64(o.get(2));
        int c = multiplies ? k.from64(o.get(3)) : b;
        return each((w, l) -> {
            long x = w.r64[a][l];
            long y = w.r64[b][l];
            if (multiplies) {
                x = !high ? x * y : signed ? Math.multiplyHigh(x, y) : IntegerOps.unsignedHigh(x, y);
                y = w.r64[c][l];
            }
            long carry = takes ? w.carries >>> l & 1 : 0;
            if (subtracts) {
                w.r64[d][l] = x - y - carry;
                return Long.compareUnsigned(x, y) < 0 || x == y && carry != 0;
            }
            long sum = x + y;
            w.r64[d][l] = sum + carry;
            return Long.compareUnsigned(sum, x) < 0 || sum == -1 && carry != 0;
        }, gives);
    }

    /** One lane's result; whether there is a carry. */
    private interface OfLane { boolean compute(Warp w, int lane); }

    private static Instruction each(OfLane f, boolean gives) {
        return CompareOps.plain((w, active) -> {
            for (int m = active; m != 0; m &= m - 1) {
                int l = Integer.numberOfTrailingZeros(m);
                boolean carry = f.compute(w, l);
                if (gives) {
                    w.carries = w.carries & ~(1 << l) | (carry ? 1 << l : 0);
                }
            }
        });
    }
}
