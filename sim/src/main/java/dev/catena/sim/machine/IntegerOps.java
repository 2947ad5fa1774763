package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;

/** Integer arithmetic, logic, shifts and bit fields (PTX ISA 9.7.1, 9.7.8). */
final class IntegerOps {
    private IntegerOps() {}

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        if (CarryOps.isOne(i)) {
            return CarryOps.decode(k, i);
        }
        String type = InstructionDecoder.lastType(i);
        if (type.equals("pred")) {
            return predicates(k, i);
        }
        if (type.endsWith("x2")) {
            throw k.unsupported("");
        }
        boolean signed = type.startsWith("s");
        if (i.has("wide")) {
            return wide(k, i, type, signed);
        }
        switch (i.opcode()) {
            case "popc", "clz", "bfind", "brev", "bfe", "bfi":
                return bitFields(k, i, type, signed);
            default:
        }
        return switch (type) {
            case "b16", "u16", "s16" -> half(k, i, signed);
            case "b32", "u32", "s32" -> word(k, i, signed);
            case "b64", "u64", "s64" -> longWord(k, i, signed);
            default -> throw k.unsupported("");
        };
    }

    private static Instruction predicates(KernelDecoder k, PtxInstruction i) {
        int d = k.toPredicate(i.operands().get(0));
        CompareOps.Predicate a = CompareOps.predicate(k, i.operands().get(1));
        if (i.opcode().equals("not")) {
            return CompareOps.plain((w, active) -> Plain.setPredicate(w, d, active, ~a.of(w)));
        }
        CompareOps.Predicate b = CompareOps.predicate(k, i.operands().get(2));
        return switch (i.opcode()) {
            case "and" -> CompareOps.plain((w, active) -> Plain.setPredicate(w, d, active, a.of(w) & b.of(w)));
            case "or" -> CompareOps.plain((w, active) -> Plain.setPredicate(w, d, active, a.of(w) | b.of(w)));
            case "xor" -> CompareOps.plain((w, active) -> Plain.setPredicate(w, d, active, a.of(w) ^ b.of(w)));
            default -> throw k.unsupported("");
        };
    }

    private static Instruction half(KernelDecoder k, PtxInstruction i, boolean signed) {
        List<PtxOperand> o = i.operands();
        int d = k.to32(o.get(0));
        int a = k.from16(o.get(1));
        if (i.opcode().equals("shl") || i.opcode().equals("shr")) {
            int b = k.from32(o.get(2));
            return i.opcode().equals("shl")
                    ? Plain.of(d, a, b, Lanes.each((x, n) -> Integer.compareUnsigned(n, 15) > 0 ? 0 : x << n & 0xFFFF))
                    : signed ? Plain.of(d, a, b, Lanes.each((x, n) -> (short) x >> (Integer.compareUnsigned(n, 15) > 0 ? 15 : n) & 0xFFFF))
                            : Plain.of(d, a, b, Lanes.each((x, n) -> Integer.compareUnsigned(n, 15) > 0 ? 0 : x >>> n));
        }
        if (o.size() == 2) {
            Lanes.Int1 f = one(k, i.opcode());
            return Plain.of(d, a, Lanes.each(x -> f.of(signed ? (short) x : x) & 0xFFFF));
        }
        int b = k.from16(o.get(2));
        if (o.size() == 3) {
            Lanes.Int2 f = i.has("hi") ? (x, y) -> x * y >>> 16 : two(k, i.opcode(), signed);
            return Plain.of(d, a, b, Lanes.each((x, y) -> f.of(signed ? (short) x : x, signed ? (short) y : y) & 0xFFFF));
        }
        int c = k.from16(o.get(3));
        if (!i.opcode().equals("mad") || !i.has("lo")) {
            throw k.unsupported("");
        }
        return Plain.of(d, a, b, c, Lanes.each((x, y, z) -> x * y + z & 0xFFFF));
    }

    private static Lanes.Int1 one(KernelDecoder k, String opcode) {
        return switch (opcode) {
            case "neg" -> x -> -x;
            case "abs" -> Math::abs;
            case "not" -> x -> ~x;
            case "cnot" -> x -> x == 0 ? 1 : 0;
            default -> throw k.unsupported("");
        };
    }

    private static Lanes.Int2 two(KernelDecoder k, String opcode, boolean signed) {
        return switch (opcode) {
            case "add" -> Integer::sum;
            case "sub" -> (x, y) -> x - y;
            case "mul" -> (x, y) -> x * y;
            // Division by zero gives an unspecified value: all ones.
            case "div" -> signed ? (x, y) -> y == 0 ? -1 : x / y : (x, y) -> y == 0 ? -1 : Integer.divideUnsigned(x, y);
            case "rem" -> signed ? (x, y) -> y == 0 ? -1 : x % y : (x, y) -> y == 0 ? -1 : Integer.remainderUnsigned(x, y);
            case "min" -> signed ? Math::min : (x, y) -> Integer.compareUnsigned(x, y) < 0 ? x : y;
            case "max" -> signed ? Math::max : (x, y) -> Integer.compareUnsigned(x, y) > 0 ? x : y;
            case "and" -> (x, y) -> x & y;
            case "or" -> (x, y) -> x | y;
            case "xor" -> (x, y) -> x ^ y;
            default -> throw k.unsupported("");
        };
    }

    private static Instruction word(KernelDecoder k, PtxInstruction i, boolean signed) {
        List<PtxOperand> o = i.operands();
        int d = k.to32(o.get(0));
        int a = k.from32(o.get(1));
        if (i.has("sat") || i.has("relu")) {
            throw k.unsupported("");
        }
        switch (i.opcode()) {
            case "shf":
                return funnel(k, i, d, a);
            case "lop3":
                if (i.has("BoolOp") || o.get(0) instanceof PtxOperand.Pair) {
                    throw k.unsupported("");
                }
                return lop3(k, d, a, k.from32(o.get(2)), k.from32(o.get(3)), (int) ((PtxOperand.Immediate) o.get(4)).bits());
            case "prmt":
                if (i.modifiers().size() > 1) {
                    throw k.unsupported("");
                }
                return Plain.of(d, a, k.from32(o.get(2)), k.from32(o.get(3)), Lanes.each(IntegerOps::permute));
            case "dp4a":
                return dp4a(k, i, d, a);
            case "dp2a":
                return dp2a(k, i, d, a);
            default:
        }
        if (o.size() == 2) {
            return Plain.of(d, a, Lanes.each(one(k, i.opcode())));
        }
        int b = k.from32(o.get(2));
        return o.size() == 4 ? wordOfThree(k, i, signed, d, a, b, k.from32(o.get(3))) : wordOfTwo(k, i, signed, d, a, b);
    }

    private static Instruction wordOfThree(KernelDecoder k, PtxInstruction i, boolean signed, int d, int a, int b, int c) {
        return switch (i.opcode()) {
            case "mad" -> i.has("lo") ? Plain.of(d, a, b, c, (dd, aa, bb, cc) -> {
                for (int l = 0; l < 32; l++) {
                    dd[l] = aa[l] * bb[l] + cc[l];
                }
            }) : Plain.of(d, a, b, c, Lanes.each((x, y, z) -> high(x, y, signed) + z));
            case "mad24" -> Plain.of(d, a, b, c, Lanes.each((x, y, z) -> signed ? (x << 8 >> 8) * (y << 8 >> 8) + z
                    : (x & 0xFFFFFF) * (y & 0xFFFFFF) + z));
            case "sad" -> Plain.of(d, a, b, c, Lanes.each((x, y, z) -> z + (signed
                    ? Math.abs(x - y) : Integer.compareUnsigned(x, y) < 0 ? y - x : x - y)));
            default -> throw k.unsupported("");
        };
    }

    private static Instruction wordOfTwo(KernelDecoder k, PtxInstruction i, boolean signed, int d, int a, int b) {
        switch (i.opcode()) {
            case "add":
                return Plain.of(d, a, b, (dd, aa, bb) -> {
                    for (int l = 0; l < 32; l++) {
                        dd[l] = aa[l] + bb[l];
                    }
                });
            case "and":
                return Plain.of(d, a, b, (dd, aa, bb) -> {
                    for (int l = 0; l < 32; l++) {
                        dd[l] = aa[l] & bb[l];
                    }
                });
            case "shl":
                return Plain.of(d, a, b, (dd, aa, bb) -> {
                    for (int l = 0; l < 32; l++) {
                        int n = bb[l];
                        dd[l] = (n & -32) != 0 ? 0 : aa[l] << n;
                    }
                });
            case "shr":
                return signed ? Plain.of(d, a, b, (dd, aa, bb) -> {
                    for (int l = 0; l < 32; l++) {
                        int n = bb[l];
                        dd[l] = aa[l] >> ((n & -32) != 0 ? 31 : n);
                    }
                }) : Plain.of(d, a, b, (dd, aa, bb) -> {
                    for (int l = 0; l < 32; l++) {
                        int n = bb[l];
                        dd[l] = (n & -32) != 0 ? 0 : aa[l] >>> n;
                    }
                });
            case "mul":
                if (i.has("hi")) {
                    return Plain.of(d, a, b, Lanes.each((x, y) -> high(x, y, signed)));
                }
                return Plain.of(d, a, b, Lanes.each((x, y) -> x * y));
            case "mul24":
                return Plain.of(d, a, b, Lanes.each((x, y) -> signed ? (x << 8 >> 8) * (y << 8 >> 8) : (x & 0xFFFFFF) * (y & 0xFFFFFF)));
            default:
                return Plain.of(d, a, b, Lanes.each(two(k, i.opcode(), signed)));
        }
    }

    private static int high(int x, int y, boolean signed) {
        return signed ? (int) ((long) x * y >> 32) : (int) ((x & 0xFFFFFFFFL) * (y & 0xFFFFFFFFL) >>> 32);
    }

    private static Instruction funnel(KernelDecoder k, PtxInstruction i, int d, int a) {
        int b = k.from32(i.operands().get(2));
        int c = k.from32(i.operands().get(3));
        boolean wrap = i.has("wrap");
        boolean left = i.has("l");
        return Plain.of(d, a, b, c, Lanes.each((x, y, n) -> {
            int by = wrap ? n & 31 : Integer.compareUnsigned(n, 32) > 0 ? 32 : n;
            long both = (long) y << 32 | x & 0xFFFFFFFFL;
            return left ? (int) (both << by >>> 32) : (int) (both >>> by);
        }));
    }

    private static Instruction lop3(KernelDecoder k, int d, int a, int b, int c, int table) {
        return Plain.of(d, a, b, c, (dd, aa, bb, cc) -> {
            for (int l = 0; l < 32; l++) {
                int x = aa[l];
                int y = bb[l];
                int z = cc[l];
                int r = 0;
                r |= (table & 1) != 0 ? ~x & ~y & ~z : 0;
                r |= (table & 2) != 0 ? ~x & ~y & z : 0;
                r |= (table & 4) != 0 ? ~x & y & ~z : 0;
                r |= (table & 8) != 0 ? ~x & y & z : 0;
                r |= (table & 16) != 0 ? x & ~y & ~z : 0;
                r |= (table & 32) != 0 ? x & ~y & z : 0;
                r |= (table & 64) != 0 ? x & y & ~z : 0;
                r |= (table & 128) != 0 ? x & y & z : 0;
                dd[l] = r;
            }
        });
    }

    /** {@code prmt.b32}: four bytes chosen out of eight, or their signs. */
    static int permute(int a, int b, int selector) {
        long bytes = (long) b << 32 | a & 0xFFFFFFFFL;
        int result = 0;
        for (int n = 0; n < 4; n++) {
            int choice = selector >>> 4 * n;
            int value = (int) (bytes >>> 8 * (choice & 7)) & 0xFF;
            if ((choice & 8) != 0) {
                value = (value & 0x80) != 0 ? 0xFF : 0;
            }
            result |= value << 8 * n;
        }
        return result;
    }

    private static Instruction dp4a(KernelDecoder k, PtxInstruction i, int d, int a) {
        boolean signedA = i.modifiers().get(0).equals("s32");
        boolean signedB = i.modifiers().get(1).equals("s32");
        return Plain.of(d, a, k.from32(i.operands().get(2)), k.from32(i.operands().get(3)), Lanes.each((x, y, z) -> {
            for (int n = 0; n < 32; n += 8) {
                z += (signedA ? (byte) (x >> n) : x >> n & 0xFF) * (signedB ? (byte) (y >> n) : y >> n & 0xFF);
            }
            return z;
        }));
    }

    /** Two halves of a times two bytes of b, the low or the high ones. */
    private static Instruction dp2a(KernelDecoder k, PtxInstruction i, int d, int a) {
        boolean signedA = i.modifiers().get(1).equals("s32");
        boolean signedB = i.modifiers().get(2).equals("s32");
        int first = i.has("hi") ? 16 : 0;
        return Plain.of(d, a, k.from32(i.operands().get(2)), k.from32(i.operands().get(3)), Lanes.each((x, y, z) -> {
            for (int n = 0; n < 2; n++) {
                int half = x >> 16 * n;
                int byteOfB = y >> first + 8 * n;
                z += (signedA ? (short) half : half & 0xFFFF) * (signedB ? (byte) byteOfB : byteOfB & 0xFF);
            }
            return z;
        }));
    }

    private static Instruction wide(KernelDecoder k, PtxInstruction i, String type, boolean signed) {
        List<PtxOperand> o = i.operands();
        if (type.endsWith("16")) {
            int d = k.to32(o.get(0));
            int a = k.from16(o.get(1));
            int b = k.from16(o.get(2));
            Lanes.Int2 f = signed ? (x, y) -> (short) x * (short) y : (x, y) -> x * y;
            return o.size() == 3 ? Plain.of(d, a, b, Lanes.each(f))
                    : Plain.of(d, a, b, k.from32(o.get(3)), Lanes.each((x, y, z) -> f.of(x, y) + z));
        }
        int d = k.to64(o.get(0));
        int a = k.from32(o.get(1));
        int b = k.from32(o.get(2));
        if (o.size() == 3) {
            return signed ? Plain.widen(d, a, b, (dd, aa, bb) -> {
                for (int l = 0; l < 32; l++) {
                    dd[l] = (long) aa[l] * bb[l];
                }
            }) : Plain.widen(d, a, b, (dd, aa, bb) -> {
                for (int l = 0; l < 32; l++) {
                    dd[l] = (aa[l] & 0xFFFFFFFFL) * (bb[l] & 0xFFFFFFFFL);
                }
            });
        }
        int c = k.from64(o.get(3));
        return signed ? Plain.widen(d, a, b, c, (dd, aa, bb, cc) -> {
            for (int l = 0; l < 32; l++) {
                dd[l] = (long) aa[l] * bb[l] + cc[l];
            }
        }) : Plain.widen(d, a, b, c, (dd, aa, bb, cc) -> {
            for (int l = 0; l < 32; l++) {
                dd[l] = (aa[l] & 0xFFFFFFFFL) * (bb[l] & 0xFFFFFFFFL) + cc[l];
            }
        });
    }

    private static Instruction longWord(KernelDecoder k, PtxInstruction i, boolean signed) {
        List<PtxOperand> o = i.operands();
        int d = k.to64(o.get(0));
        int a = k.from64(o.get(1));
        switch (i.opcode()) {
            case "shl":
                return Plain.shift(d, a, k.from32(o.get(2)), (dd, aa, bb) -> {
                    for (int l = 0; l < 32; l++) {
                        dd[l] = (bb[l] & -64) != 0 ? 0 : aa[l] << bb[l];
                    }
                });
            case "shr":
                return Plain.shift(d, a, k.from32(o.get(2)), (dd, aa, bb) -> {
                    for (int l = 0; l < 32; l++) {
                        boolean all = (bb[l] & -64) != 0;
                        dd[l] = signed ? aa[l] >> (all ? 63 : bb[l]) : all ? 0 : aa[l] >>> bb[l];
                    }
                });
            case "neg":
                return Plain.ofLong(d, a, Lanes.eachLong(x -> -x));
            case "not":
                return Plain.ofLong(d, a, Lanes.eachLong(x -> ~x));
            case "abs":
                return Plain.ofLong(d, a, Lanes.eachLong(Math::abs));
            default:
        }
        int b = k.from64(o.get(2));
        if (o.size() == 4) {
            if (!i.opcode().equals("mad") || !i.has("lo")) {
                throw k.unsupported("");
            }
            return Plain.ofLong(d, a, b, k.from64(o.get(3)), Lanes.eachLong((x, y, z) -> x * y + z));
        }
        if (i.opcode().equals("add")) {
            return Plain.ofLong(d, a, b, (dd, aa, bb) -> {
                for (int l = 0; l < 32; l++) {
                    dd[l] = aa[l] + bb[l];
                }
            });
        }
        Lanes.Long2 f = switch (i.opcode()) {
            case "sub" -> (x, y) -> x - y;
            case "mul" -> i.has("hi") ? signed ? Math::multiplyHigh : IntegerOps::unsignedHigh : (x, y) -> x * y;
            case "div" -> signed ? (x, y) -> y == 0 ? -1 : x / y : (x, y) -> y == 0 ? -1 : Long.divideUnsigned(x, y);
            case "rem" -> signed ? (x, y) -> y == 0 ? -1 : x % y : (x, y) -> y == 0 ? -1 : Long.remainderUnsigned(x, y);
            case "min" -> signed ? Math::min : (x, y) -> Long.compareUnsigned(x, y) < 0 ? x : y;
            case "max" -> signed ? Math::max : (x, y) -> Long.compareUnsigned(x, y) > 0 ? x : y;
            case "and" -> (x, y) -> x & y;
            case "or" -> (x, y) -> x | y;
            case "xor" -> (x, y) -> x ^ y;
            default -> throw k.unsupported("");
        };
        return Plain.ofLong(d, a, b, Lanes.eachLong(f));
    }

    static long unsignedHigh(long x, long y) {
        return Math.multiplyHigh(x, y) + (x >> 63 & y) + (y >> 63 & x);
    }

    private static Instruction bitFields(KernelDecoder k, PtxInstruction i, String type, boolean signed) {
        List<PtxOperand> o = i.operands();
        boolean wide = type.endsWith("64");
        switch (i.opcode()) {
            case "popc":
                return wide ? narrow(k, i, Long::bitCount) : Plain.of(k.to32(o.get(0)), k.from32(o.get(1)), Lanes.each(Integer::bitCount));
            case "clz":
                return wide ? narrow(k, i, Long::numberOfLeadingZeros)
                        : Plain.of(k.to32(o.get(0)), k.from32(o.get(1)), Lanes.each(Integer::numberOfLeadingZeros));
            case "bfind":
                boolean shift = i.has("shiftamt");
                if (wide) {
                    return narrow(k, i, x -> found(63 - Long.numberOfLeadingZeros(signed && x < 0 ? ~x : x), shift, 63));
                }
                return Plain.of(k.to32(o.get(0)), k.from32(o.get(1)), Lanes.each(
                        x -> found(31 - Integer.numberOfLeadingZeros(signed && x < 0 ? ~x : x), shift, 31)));
            case "brev":
                return wide ? Plain.ofLong(k.to64(o.get(0)), k.from64(o.get(1)), Lanes.eachLong(Long::reverse))
                        : Plain.of(k.to32(o.get(0)), k.from32(o.get(1)), Lanes.each(Integer::reverse));
            case "bfe":
                if (wide) {
                    return wideField(k, i, signed);
                }
                return Plain.of(k.to32(o.get(0)), k.from32(o.get(1)), k.from32(o.get(2)), k.from32(o.get(3)),
                        Lanes.each((x, at, length) -> extract(x, at & 0xFF, length & 0xFF, signed)));
            default:
                if (wide) {
                    return wideField(k, i, signed);
                }
                int d = k.to32(o.get(0));
                int a = k.from32(o.get(1));
                int b = k.from32(o.get(2));
                int c = k.from32(o.get(3));
                int e = k.from32(o.get(4));
                return CompareOps.plain((w, active) -> {
                    for (int m = active; m != 0; m &= m - 1) {
                        int l = Integer.numberOfTrailingZeros(m);
                        w.r32[d][l] = insert(w.r32[a][l], w.r32[b][l], w.r32[c][l] & 0xFF, w.r32[e][l] & 0xFF);
                    }
                });
        }
    }

    /** {@code bfe} and {@code bfi} of 64 bits: place and length have 32. */
    private static Instruction wideField(KernelDecoder k, PtxInstruction i, boolean signed) {
        List<PtxOperand> o = i.operands();
        boolean insert = i.opcode().equals("bfi");
        int d = k.to64(o.get(0));
        int a = k.from64(o.get(1));
        int b = insert ? k.from64(o.get(2)) : a;
        int at = k.from32(o.get(insert ? 3 : 2));
        int length = k.from32(o.get(insert ? 4 : 3));
        return CompareOps.plain((w, active) -> {
            for (int m = active; m != 0; m &= m - 1) {
                int l = Integer.numberOfTrailingZeros(m);
                int place = w.r32[at][l] & 0xFF;
                int bits = w.r32[length][l] & 0xFF;
                w.r64[d][l] = insert ? insert(w.r64[a][l], w.r64[b][l], place, bits) : extract(w.r64[a][l], place, bits, signed);
            }
        });
    }

    /** {@code bfe.b64}. */
    private static long extract(long x, int at, int length, boolean signed) {
        if (length == 0) {
            return 0;
        }
        int there = at > 63 ? 0 : Math.min(length, 64 - at);
        if (there == 64) {
            return x;
        }
        long field = at > 63 ? 0 : x >>> at & (1L << there) - 1;
        boolean negative = signed && (x >>> Math.min(at + length - 1, 63) & 1) != 0;
        return negative ? field | -1L << there : field;
    }

    /** {@code bfi.b64}. */
    private static long insert(long a, long b, int at, int length) {
        if (at > 63 || length == 0) {
            return b;
        }
        long mask = (length >= 64 ? -1 : (1L << length) - 1) << at;
        return b & ~mask | a << at & mask;
    }

    private interface LongToInt { int of(long x); }

    private static Instruction narrow(KernelDecoder k, PtxInstruction i, LongToInt f) {
        return Plain.narrow(k.to32(i.operands().get(0)), k.from64(i.operands().get(1)), (dd, aa) -> {
            for (int l = 0; l < 32; l++) {
                dd[l] = f.of(aa[l]);
            }
        });
    }

    private static int found(int bit, boolean shift, int top) {
        return bit < 0 ? -1 : shift ? top - bit : bit;
    }

    /** {@code bfe}: bits [at, at + length) of x; what lies beyond bit 31 is the sign. */
    static int extract(int x, int at, int length, boolean signed) {
        long wide = signed ? x : x & 0xFFFFFFFFL;
        if (length == 0) {
            return 0;
        }
        long field = at > 63 ? wide >> 63 : wide >> at;
        if (length >= 32) {
            return (int) field;
        }
        long bits = field & (1L << length) - 1;
        int signAt = Math.min(at + length - 1, 31);
        return (int) (signed && (x >>> signAt & 1) != 0 ? bits | -1L << length : bits);
    }

    /** {@code bfi}: b with bits [at, at + length) taken from a. */
    static int insert(int a, int b, int at, int length) {
        if (at > 31 || length == 0) {
            return b;
        }
        int mask = (length >= 32 ? -1 : (1 << length) - 1) << at;
        return b & ~mask | a << at & mask;
    }
}
