package dev.catena.codegen.cuda;

import dev.catena.codegen.cuda.SassInstruction.Opcode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** A kernel's machine code. */
final class SassKernel {
    private final String name;
    private final List<SassInstruction> instructions = new ArrayList<>();
    private final int capability;

    SassKernel(String name, ByteBuffer code, int capability) {
        this.name = name;
        this.capability = capability;
        for (int at = 0; at + 16 <= code.capacity(); at += 16) {
            instructions.add(new SassInstruction(at, code.getLong(at), code.getLong(at + 8)));
        }
    }

    String name() {
        return name;
    }

    List<SassInstruction> instructions() {
        return instructions;
    }

    List<SassInstruction> all(Opcode opcode) {
        return instructions.stream().filter(i -> i.is(opcode)).toList();
    }

    /** The bodies of loops, from where a branch goes back to up to that branch, in the order of their ends. */
    List<List<SassInstruction>> loops() {
        List<List<SassInstruction>> loops = new ArrayList<>();
        for (SassInstruction branch : all(Opcode.BRA)) {
            int target = branch.target(capability);
            if (target >= 0 && target < branch.address()) {      // a branch to itself ends the code
                loops.add(instructions.subList(target / 16, branch.address() / 16 + 1));
            }
        }
        return loops;
    }

    /** The innermost loop that has the most of an opcode: where the kernel spends its time. */
    List<SassInstruction> mainLoop(Opcode opcode) {
        List<SassInstruction> best = List.of();
        for (List<SassInstruction> loop : loops()) {
            long count = count(loop, opcode);
            boolean inner = !best.isEmpty() && loop.size() < best.size() && count == count(best, opcode);
            if (count > count(best, opcode) || inner) {
                best = loop;
            }
        }
        return best;
    }

    /** The smallest loop that has an opcode: the usual case, where a kernel has a loop of its own for the others. */
    List<SassInstruction> smallestLoop(Opcode opcode) {
        return loops().stream().filter(loop -> count(loop, opcode) > 0).min(Comparator.comparingInt(List::size)).orElse(List.of());
    }

    static long count(List<SassInstruction> instructions, Opcode opcode) {
        return instructions.stream().filter(i -> i.is(opcode)).count();
    }

    /**
     * Bytes that a lane has asked for in a stretch of code before the first instruction that needs one of them, by the register
     * that a load writes: what is in flight at a time.
     */
    static int bytesInFlight(List<SassInstruction> stretch) {
        int bytes = 0;
        List<int[]> pending = new ArrayList<>();      // first register and count
        for (SassInstruction i : stretch) {
            if (i.is(Opcode.LDG)) {
                bytes += i.accessBits() / 8;
                pending.add(new int[] {(int) (i.low() >>> 16) & 0xFF, Math.max(1, i.accessBits() / 32)});
            } else if (!i.is(Opcode.NOP) && pending.stream().anyMatch(p -> reads(i, p[0], p[1]))) {
                return bytes;
            }
        }
        return bytes;
    }

    /**
     * Bytes that a lane has asked for before it first waits for any: of copies past the registers (cp.async.cg, which are of 16 bytes), or, where
     * there are none, of the first wide loads.
     */
    int bytesBeforeFirstWait() {
        int bytes = 0;
        for (SassInstruction i : instructions) {
            if (i.is(Opcode.LDGSTS)) {
                bytes += 16;
            } else if (bytes > 0 && i.is(Opcode.DEPBAR)) {
                return bytes;
            }
        }
        int first = 0;
        while (!instructions.get(first).is(Opcode.LDG) || instructions.get(first).accessBits() != 128) {
            first++;
        }
        return bytesInFlight(instructions.subList(first, instructions.size()));
    }

    /** Whether a source operand may be one of these registers: bits 24 to 31, 32 to 39 and 64 to 71. */
    private static boolean reads(SassInstruction i, int first, int count) {
        int form = (int) (i.low() >>> 9) & 7;
        int a = (int) (i.low() >>> 24) & 0xFF;
        int b = (int) (i.low() >>> 32) & 0xFF;
        int c = (int) i.high() & 0xFF;
        boolean registerB = form == 1 || form == 2;      // else a constant, or a number
        return within(a, first, count) || registerB && within(b, first, count) || within(c, first, count);
    }

    private static boolean within(int register, int first, int count) {
        return register != 0xFF && register >= first && register < first + count;
    }
}
