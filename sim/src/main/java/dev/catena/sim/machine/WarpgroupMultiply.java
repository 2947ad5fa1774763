package dev.catena.sim.machine;

import dev.catena.sim.arithmetic.SmallFloat;
import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.Arrays;
import java.util.List;

/**
 * {@code wgmma.mma_async}: D = A × B + D by four warps, f16 or bf16 with f32 sums (PTX ISA 9.7.15.5). A warp has 16 of the 64 rows: with
 * g = lane / 4 and t = lane mod 4, elements 4 i … 4 i + 3 of its part of D are columns 8 i + 2 t and the next of row g, then of row
 * g + 8; of A's registers the first has k = 2 t and 2 t + 1 of row g, the second of row g + 8, the others those at k + 8. Sums are made
 * at once, and nobody may look at them, or write what was read, until their group was waited for ({@link PendingProducts}).
 */
final class WarpgroupMultiply extends WholeWarp {
    private static final int DEPTH = 16;
    private static final int ROWS = 16;

    private final int columns;
    private final SmallFloat type;
    final int[] d;
    /** Registers of A, or none where it lies in shared memory. */
    final int[] a;
    private final int descriptorA;
    private final int descriptorB;
    private final CompareOps.Predicate adds;
    private final double sign;
    private final boolean transposedA;
    private final boolean transposedB;
    private final List<MemoryAccess> accesses;

    private WarpgroupMultiply(KernelDecoder k, PtxInstruction i) {
        List<String> m = i.modifiers();
        List<PtxOperand> o = i.operands();
        String shape = m.size() < 4 ? "" : m.get(3);
        if (!i.has("sync") || !i.has("aligned") || !shape.matches("m64n[0-9]+k16") || m.size() != 7 || !m.get(4).equals("f32")
                || !m.get(5).equals(m.get(6)) || !m.get(5).matches("f16|bf16")) {
            throw k.unsupported("");
        }
        type = m.get(5).equals("f16") ? SmallFloat.F16 : SmallFloat.BF16;
        columns = Integer.parseInt(shape.substring(4, shape.indexOf('k')));
        d = slots(k, o.get(0));
        boolean registers = o.get(1) instanceof PtxOperand.Vector;
        a = registers ? slots(k, o.get(1)) : new int[0];
        if (columns < 8 || columns > 256 || columns % 8 != 0 || d.length != columns / 2 || registers && a.length != 4
                || o.size() != (registers ? 7 : 8)) {
            throw k.unsupported("numbers of registers");
        }
        descriptorA = registers ? -1 : k.from64(o.get(1));
        descriptorB = k.from64(o.get(2));
        adds = CompareOps.predicate(k, o.get(3));
        sign = number(k, o.get(4), -1, 1) * (double) number(k, o.get(5), -1, 1);
        if (sign == 0) {
            throw k.unsupported("a scale of 0");
        }
        transposedA = !registers && number(k, o.get(6), 0, 1) == 1;
        transposedB = number(k, o.get(registers ? 6 : 7), 0, 1) == 1;
        int bytesB = columns * DEPTH * 2;
        int bytesA = registers ? 0 : ROWS * Warpgroup.WARPS * DEPTH * 2;
        // One warp of the group counts for all: what they share is read once.
        accesses = List.of(new MemoryAccess(MemoryAccess.Kind.LOAD, Space.SHARED, AddressOperand.zero(),
                (w, lane) -> w.index % Warpgroup.WARPS == 0 ? bytesA + bytesB : 0, 1));
    }

    static WarpgroupMultiply decode(KernelDecoder k, PtxInstruction i) {
        return new WarpgroupMultiply(k, i);
    }

    private static int[] slots(KernelDecoder k, PtxOperand operand) {
        return ((PtxOperand.Vector) operand).elements().stream().mapToInt(k::to32).toArray();
    }

    private static int number(KernelDecoder k, PtxOperand operand, int low, int high) {
        long value = ((PtxOperand.Immediate) operand).bits();
        if (value < low || value > high) {
            throw k.unsupported("a number that is not " + low + " or " + high);
        }
        return (int) value;
    }

    @Override
    List<MemoryAccess> accesses() {
        return accesses;
    }

    @Override
    void perform(Warp w, int lanes) {
        long bitsA = descriptorA < 0 ? 0 : same(w, w.r64[descriptorA], "descriptors of A");
        long bitsB = same(w, w.r64[descriptorB], "descriptors of B");
        WarpgroupOps.together(w, this, bitsA, bitsB);
        int add = adds.of(w);
        if (add != 0 && add != -1) {
            throw w.fault(FaultKind.LANES, 0, this, "lanes differ in whether they add");
        }
        w.products.begin(this);
        double[] matrixA = w.matrixA(ROWS * DEPTH);
        if (a.length > 0) {
            readRegisters(w, matrixA);
        } else {
            read(w, bitsA, w.index % Warpgroup.WARPS * ROWS, ROWS, !transposedA, matrixA);
        }
        double[] matrixB = w.matrixB(columns * DEPTH);
        read(w, bitsB, 0, columns, !transposedB, matrixB);
        for (int lane = 0; lane < Warp.LANES; lane++) {
            for (int n = 0; n < d.length; n++) {
                int row = lane / 4 + (n & 2) * 4;
                int column = n / 4 * 8 + lane % 4 * 2 + (n & 1);
                double sum = 0;
                for (int k = 0; k < DEPTH; k++) {
                    sum += matrixA[row * DEPTH + k] * matrixB[column * DEPTH + k];
                }
                int[] to = w.r32[d[n]];
                to[lane] = Float.floatToRawIntBits((float) (sign * sum + (add != 0 ? Float.intBitsToFloat(to[lane]) : 0)));
            }
        }
    }

    private long same(Warp w, long[] values, String what) {
        for (int lane = 1; lane < Warp.LANES; lane++) {
            if (values[lane] != values[0]) {
                throw w.fault(FaultKind.DESCRIPTOR, lane, this, what + " differ in the lanes of a warp");
            }
        }
        return values[0];
    }

    private void readRegisters(Warp w, double[] to) {
        for (int r = 0; r < 4; r++) {
            for (int lane = 0; lane < Warp.LANES; lane++) {
                int at = (lane / 4 + (r & 1) * 8) * DEPTH + lane % 4 * 2 + (r & 2) * 4;
                to[at] = type.value(w.r32[a[r]][lane]);
                to[at + 1] = type.value(w.r32[a[r]][lane] >>> 16);
            }
        }
    }

    /** Rows of a matrix in shared memory, 16 bytes at a time. */
    private void read(Warp w, long bits, int first, int rows, boolean alongK, double[] to) {
        MatrixDescriptor descriptor = MatrixDescriptor.of(bits);
        if (descriptor == null || !descriptor.repeats(alongK)) {
            throw w.fault(FaultKind.DESCRIPTOR, 0, this, String.format("0x%016x (%s)", bits,
                    descriptor == null ? "bits that must be 0, or a base offset" : "a stride between patterns that is no multiple of theirs"));
        }
        Page page = w.block.shared.page;
        for (int row = 0; row < rows; row += alongK ? 1 : 8) {
            for (int k = 0; k < DEPTH; k += alongK ? 8 : 1) {
                int at = descriptor.piece(first + row, k, alongK);
                w.memory.find(Space.SHARED, at, 16, 0, false, this);
                w.memory.checkProductRead(page, this);
                if (!w.block.shared.isShown(at)) {
                    throw w.fault(FaultKind.PRODUCT_FENCE, 0, this, "threads wrote " + w.memory.describe(Space.SHARED, at)
                            + ", and no fence.proxy.async came after that");
                }
                w.products.reads(at);
                for (int e = 0; e < 8; e++) {
                    double value = type.value(page.load16(at + e * 2));
                    to[alongK ? row * DEPTH + k + e : (row + e) * DEPTH + k] = value;
                }
            }
        }
    }

    boolean sameSums(WarpgroupMultiply other) {
        return columns == other.columns && Arrays.equals(d, other.d);
    }
}
