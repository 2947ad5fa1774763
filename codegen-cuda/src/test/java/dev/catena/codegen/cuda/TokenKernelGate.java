package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.cuda.SassInstruction.Opcode;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the machine code of linear_few_tokens.cuh has to be like on an architecture: no local memory, weights 128 bits at a time and past the
 * registers, products on tensor cores, few instructions for each weight in the main loop, bytes in flight before the first wait.
 *
 * @param kibInFlight that a multiprocessor has to have asked for to keep the architecture's fastest card busy
 * @param activations F32 for two halves of an element of x, else one
 */
record TokenKernelGate(CudaTarget target, int kibInFlight, Activations activations) {
    private static final Pattern NAME = Pattern.compile(".*linear_w(\\d+)_.*_tokens(\\d+)(?:_tokens_w\\d_f\\d+_r\\d(?:_k\\d)?)?");
    /** Weights that a lane multiplies in a pass through the main loop: 128 columns of 4 outputs, a fourth of the columns. */
    private static final int WEIGHTS_OF_LOOP = 128;
    private static final int REGISTERS_OF_SM = 65536;
    private static final int MOST_BLOCKS = 16;

    static boolean isFor(KernelFacts facts) {
        return NAME.matcher(facts.name()).matches();
    }

    void check(KernelFacts facts, SassKernel kernel, int threads) {
        check(facts, kernel, threads, false);
    }

    /** @param alone whether a multiprocessor has one block of it */
    void check(KernelFacts facts, SassKernel kernel, int threads, boolean alone) {
        assertEquals(List.of(), kernel.all(Opcode.LDL), facts.name());
        assertEquals(List.of(), kernel.all(Opcode.STL), facts.name());
        Matcher name = NAME.matcher(facts.name());
        assertTrue(name.matches(), facts.name());
        int bits = Integer.parseInt(name.group(1));
        int rows = Integer.parseInt(name.group(2));
        List<SassInstruction> loop = kernel.mainLoop(Opcode.HMMA);
        // Two tiles and eight slices, for each eight columns of B, an element's halves beside each other; Turing's products are half as deep.
        int columns = Math.max(8, rows * (activations == Activations.F32 ? 2 : 1));
        assertEquals(2 * columns * (target.capability() < 80 ? 2 : 1), SassKernel.count(loop, Opcode.HMMA), facts.name());
        List<SassInstruction> copies = kernel.all(Opcode.LDGSTS);
        assertEquals(target.capability() >= 80, !copies.isEmpty(), facts.name());
        if (target.capability() < 100) {      // from there on the width stands elsewhere in this instruction
            assertEquals(List.of(), copies.stream().filter(i -> i.accessBits() != 128).toList(), facts.name());
        }
        // Of a group the scales and the zeros of four outputs; else weights and x.
        long narrow = loop.stream().filter(i -> i.is(Opcode.LDG) && i.accessBits() != 128).count();
        assertEquals(bits == 16 ? 0 : 2, narrow, facts.name());
        double each = (double) loop.size() / WEIGHTS_OF_LOOP;
        assertTrue(each < most(bits, rows), facts + ": " + each + " instructions for a weight");
        int inFlight = kernel.bytesBeforeFirstWait() * threads * (alone ? 1 : residentBlocks(facts, threads));
        assertTrue(inFlight >= kibInFlight << 10, facts + ": " + inFlight + " bytes of a multiprocessor in flight");
        assertTrue((facts.registers() + 7) / 8 * 8 * threads <= REGISTERS_OF_SM / 2, facts + ": more than half of a multiprocessor");
    }

    /** Instructions for a weight. What x becomes is made for 4, 8 or 16 rows; of two halves of 16 rows the products alone are four tiles. */
    private double most(int bits, int rows) {
        boolean oneHalf = activations != Activations.F32;
        double ofX = rows == 4 ? 0 : rows == 8 ? oneHalf ? 0.4 : bits == 16 ? 1.7 : 1 : oneHalf ? 1.6 : bits == 16 ? 3.3 : 2.8;
        double ofWeight = oneHalf ? bits == 16 ? 2.1 : bits == 3 ? 3.3 : 2.9 : bits == 16 ? 2.5 : bits == 3 ? 4.4 : 3.6;
        return ofWeight + ofX + (target.capability() < 80 ? rows == 16 ? 1.2 : 0.6 : 0);
    }

    private int residentBlocks(KernelFacts facts, int threads) {
        int shared = 1024 * switch (target.capability()) {
            case 75 -> 64;
            case 80 -> 164;
            case 90, 100 -> 228;
            default -> 100;
        };
        int byRegisters = REGISTERS_OF_SM / ((facts.registers() + 7) / 8 * 8 * threads);
        return Math.min(MOST_BLOCKS, Math.min(byRegisters, shared / (facts.sharedBytes() + (target.capability() < 80 ? 0 : 1024))));
    }
}
