package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;

/** {@code ldmatrix}, {@code stmatrix} and {@code movmatrix} of 8 × 8 matrices of 16-bit elements (PTX ISA 9.7.14.5). */
final class MatrixMoves {
    private MatrixMoves() {}

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        List<PtxOperand> o = i.operands();
        if (!i.has("m8n8") || !i.has("b16") || !i.has("aligned")) {
            throw k.unsupported("");
        }
        boolean transposed = i.has("trans");
        if (i.opcode().equals("movmatrix")) {
            return transpose(k.to32(o.get(0)), k.from32(o.get(1)));
        }
        boolean load = i.opcode().equals("ldmatrix");
        PtxOperand list = o.get(load ? 0 : 1);
        List<PtxOperand> elements = list instanceof PtxOperand.Vector v ? v.elements() : List.of(list);
        int[] slots = elements.stream().mapToInt(e -> load ? k.to32(e) : k.from32(e)).toArray();
        if (slots.length != (i.has("x4") ? 4 : i.has("x2") ? 2 : 1)) {
            throw k.unsupported("registers");
        }
        Space space = LoadStore.space(k, i);
        AddressOperand address = new AddressOperand(k, o.get(load ? 1 : 0));
        return load ? load(slots, space, address, transposed) : store(slots, space, address, transposed);
    }

    /**
     * Lanes 8 m … 8 m + 7 give the addresses of matrix m's rows. Lane l gets elements 2 (l mod 4) and the next of row l / 4,
     * or, transposed, of column l / 4. Row r's bytes are read by the lanes that hold them.
     */
    private static Instruction load(int[] slots, Space space, AddressOperand address, boolean transposed) {
        return new WholeWarp(rows(MemoryAccess.Kind.LOAD, slots.length, space, address)) {
            @Override
            void perform(Warp w, int lanes) {
                int[] rows = new int[32];     // eight rows of four words
                for (int matrix = 0; matrix < slots.length; matrix++) {
                    for (int row = 0; row < 8; row++) {
                        int lane = matrix * 8 + row;
                        Page page = w.memory.find(shared(w, space, address.of(w, lane), lane, this), inShared(space, address.of(w, lane)),
                                16, lane, false, this);
                        w.memory.checkRead(page, 16, lane, false, true, this);
                        for (int word = 0; word < 4; word++) {
                            rows[row * 4 + word] = page.load32(w.memory.offset + word * 4);
                        }
                    }
                    System.arraycopy(transposed ? transposed(rows) : rows, 0, w.r32[slots[matrix]], 0, 32);
                }
            }
        };
    }

    /** Eight rows of 16 bytes for each matrix. */
    private static MemoryAccess rows(MemoryAccess.Kind kind, int matrices, Space space, AddressOperand address) {
        return new MemoryAccess(kind, space, address, (w, lane) -> 16, matrices == 4 ? -1 : (1 << 8 * matrices) - 1);
    }

    private static int element(int[] rows, int row, int column) {
        return rows[row * 4 + column / 2] >>> column % 2 * 16 & 0xFFFF;
    }

    private static Instruction store(int[] slots, Space space, AddressOperand address, boolean transposed) {
        return new WholeWarp(rows(MemoryAccess.Kind.STORE, slots.length, space, address)) {
            @Override
            void perform(Warp w, int lanes) {
                for (int matrix = 0; matrix < slots.length; matrix++) {
                    int[] from = transposed ? transposed(w.r32[slots[matrix]]) : w.r32[slots[matrix]];
                    for (int row = 0; row < 8; row++) {
                        int lane = matrix * 8 + row;
                        Page page = w.memory.find(shared(w, space, address.of(w, lane), lane, this), inShared(space, address.of(w, lane)),
                                16, lane, true, this);
                        w.memory.checkWrite(page, 16, lane, false, this);
                        for (int word = 0; word < 4; word++) {
                            page.store(w.memory.offset + word * 4, 4, from[row * 4 + word]);
                        }
                    }
                }
            }
        };
    }

    private static Space shared(Warp w, Space space, long address, int lane, Instruction at) {
        if (space == Space.GENERIC && Space.of(address) != Space.SHARED || space == Space.GLOBAL) {
            throw w.fault(FaultKind.OUT_OF_BOUNDS, lane, at, "the address is not in shared memory");
        }
        return Space.SHARED;
    }

    private static long inShared(Space space, long address) {
        return space == Space.GENERIC ? address - Space.SHARED.window() : address;
    }

    private static int[] transposed(int[] rows) {
        int[] result = new int[32];
        for (int lane = 0; lane < 32; lane++) {
            result[lane] = element(rows, lane % 4 * 2, lane / 4) | element(rows, lane % 4 * 2 + 1, lane / 4) << 16;
        }
        return result;
    }

    private static Instruction transpose(int d, int a) {
        return new WholeWarp() {
            @Override
            void perform(Warp w, int lanes) {
                System.arraycopy(transposed(w.r32[a]), 0, w.r32[d], 0, 32);
            }
        };
    }
}
