package dev.catena.sim.machine;

import dev.catena.sim.arithmetic.SmallFloat;
import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;

/**
 * {@code mma.sync}: D = A × B + C by a warp (PTX ISA 9.7.14.5, "Matrix fragments for mma"). With g = lane / 4 and
 * t = lane mod 4, register r of a fragment holds {@code 32 / bits} neighbours along k:
 * A rows g (even r) and g + 8 (odd r), B column g, both from k = t × per + (r's k-half) × 4 × per on; C and D rows g and
 * g + 8, columns 2 t and 2 t + 1. Products are summed in double and rounded once: the order is unspecified.
 */
final class MatrixMultiply extends WholeWarp {
    private static final int ROWS = 16;
    private static final int COLUMNS = 8;

    private interface Element { double of(int register, int index); }

    private final int depth;
    private final int perRegister;
    private final Element elementA;
    private final Element elementB;
    private final int[] d;
    private final int[] a;
    private final int[] b;
    private final int[] c;
    private final boolean integers;
    private final boolean halfC;
    private final boolean halfD;
    private final boolean saturates;

    private MatrixMultiply(KernelDecoder k, PtxInstruction i) {
        List<String> m = i.modifiers();
        String shape = m.stream().filter(s -> s.matches("m[0-9]+n[0-9]+k[0-9]+")).findFirst().orElse("");
        if (!shape.startsWith("m16n8k") || !i.has("aligned") || !i.has("row") || !i.has("col")
                || m.stream().anyMatch(s -> s.matches("sp|sp::.*|kind::.*|b1|xor|and|block_scale"))) {
            throw k.unsupported("");
        }
        depth = Integer.parseInt(shape.substring(6));
        String typeD = m.get(m.size() - 4);
        String typeA = m.get(m.size() - 3);
        String typeB = m.get(m.size() - 2);
        String typeC = m.get(m.size() - 1);
        if (typeA.equals("f64")) {
            throw k.unsupported("");
        }
        int bits = bits(k, typeA);
        if (bits != bits(k, typeB)) {
            throw k.unsupported("");
        }
        perRegister = 32 / bits;
        elementA = element(typeA, bits);
        elementB = element(typeB, bits);
        integers = typeD.equals("s32");
        halfD = typeD.equals("f16");
        halfC = typeC.equals("f16");
        saturates = i.has("satfinite");
        List<PtxOperand> o = i.operands();
        d = slots(k, o.get(0), true);
        a = slots(k, o.get(1), false);
        b = slots(k, o.get(2), false);
        c = slots(k, o.get(3), false);
        int expectA = ROWS * depth / 32 / perRegister;
        if (a.length != expectA || b.length != COLUMNS * depth / 32 / perRegister || d.length != (halfD ? 2 : 4)
                || c.length != (halfC ? 2 : 4)) {
            throw k.unsupported("numbers of registers");
        }
    }

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        return new MatrixMultiply(k, i);
    }

    private static int bits(KernelDecoder k, String type) {
        return switch (type) {
            case "f16", "bf16" -> 16;
            case "tf32" -> 32;
            case "s8", "u8" -> 8;
            case "s4", "u4" -> 4;
            default -> throw k.unsupported(type);
        };
    }

    private static Element element(String type, int bits) {
        return switch (type) {
            case "f16" -> (register, index) -> SmallFloat.F16.value(register >>> 16 * index);
            case "bf16" -> (register, index) -> SmallFloat.BF16.value(register >>> 16 * index);
            case "tf32" -> (register, index) -> Float.intBitsToFloat(register & -0x2000);   // the low bits are not looked at
            default -> {
                boolean signed = type.startsWith("s");
                yield (register, index) -> {
                    int up = register << 32 - bits - bits * index;
                    return signed ? up >> 32 - bits : up >>> 32 - bits;
                };
            }
        };
    }

    private static int[] slots(KernelDecoder k, PtxOperand operand, boolean writes) {
        List<PtxOperand> elements = operand instanceof PtxOperand.Vector v ? v.elements() : List.of(operand);
        return elements.stream().mapToInt(e -> writes ? k.to32(e) : k.from32(e)).toArray();
    }

    @Override
    void perform(Warp w, int lanes) {
        double[] matrixA = w.matrixA(ROWS * depth);
        double[] matrixB = w.matrixB(COLUMNS * depth);
        int span = 4 * perRegister;       // of k, over a group of four lanes
        for (int r = 0; r < a.length; r++) {
            int[] from = w.r32[a[r]];
            for (int lane = 0; lane < 32; lane++) {
                int row = lane / 4 + (r & 1) * 8;
                int k = lane % 4 * perRegister + r / 2 * span;
                for (int e = 0; e < perRegister; e++) {
                    matrixA[row * depth + k + e] = elementA.of(from[lane], e);
                }
            }
        }
        for (int r = 0; r < b.length; r++) {
            int[] from = w.r32[b[r]];
            for (int lane = 0; lane < 32; lane++) {
                int k = lane % 4 * perRegister + r * span;
                for (int e = 0; e < perRegister; e++) {
                    matrixB[lane / 4 * depth + k + e] = elementB.of(from[lane], e);
                }
            }
        }
        double[] sums = w.matrixD();
        for (int row = 0; row < ROWS; row++) {
            for (int column = 0; column < COLUMNS; column++) {
                double sum = 0;
                int atA = row * depth;
                int atB = column * depth;
                for (int k = 0; k < depth; k++) {
                    sum += matrixA[atA + k] * matrixB[atB + k];
                }
                sums[row * COLUMNS + column] = sum;
            }
        }
        finish(w, sums);
    }

    private void finish(Warp w, double[] sums) {
        for (int lane = 0; lane < 32; lane++) {
            for (int half = 0; half < 2; half++) {
                int at = (lane / 4 + half * 8) * COLUMNS + lane % 4 * 2;
                if (integers) {
                    for (int e = 0; e < 2; e++) {
                        long sum = (long) sums[at + e] + w.r32[c[half * 2 + e]][lane];
                        w.spare32[e] = saturates ? (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, sum)) : (int) sum;
                    }
                } else {
                    for (int e = 0; e < 2; e++) {
                        double addend = halfC ? SmallFloat.F16.value(w.r32[c[half]][lane] >>> 16 * e)
                                : Float.intBitsToFloat(w.r32[c[half * 2 + e]][lane]);
                        double sum = sums[at + e] + addend;
                        w.spare32[e] = halfD ? SmallFloat.F16.bits(sum) : Float.floatToRawIntBits((float) sum);
                    }
                }
                if (halfD) {
                    w.r32[d[half]][lane] = w.spare32[0] | w.spare32[1] << 16;
                } else {
                    w.r32[d[half * 2]][lane] = w.spare32[0];
                    w.r32[d[half * 2 + 1]][lane] = w.spare32[1];
                }
            }
        }
    }
}
