package dev.catena.sim.ptx;

import java.util.List;

/** What stands behind an opcode. */
public sealed interface PtxOperand {
    /** A register; {@code negated} for {@code !%p}. */
    record Register(PtxRegister register, boolean negated) implements PtxOperand {}

    /** A special register such as {@code %tid.x}. */
    record Special(String name) implements PtxOperand {}

    /** A number; {@code type} is {@code s64}, {@code f32} or {@code f64} as written, {@code bits} its bits in that type. */
    record Immediate(long bits, String type) implements PtxOperand {}

    /** {@code [base + offset]}; no more than one of {@code register} and {@code variable} is there. */
    record Address(PtxRegister register, PtxVariable variable, long offset) implements PtxOperand {}

    /** {@code {a, b}}. */
    record Vector(List<PtxOperand> elements) implements PtxOperand {}

    /** {@code p|q}. */
    record Pair(PtxOperand first, PtxOperand second) implements PtxOperand {}

    /** The address of a variable. */
    record Variable(PtxVariable variable, long offset) implements PtxOperand {}

    /** Instruction index that a label stands at. */
    record Target(String name, int index) implements PtxOperand {}

    /** Targets of {@code brx.idx}. */
    record Targets(int[] indices) implements PtxOperand {}

    /** A function, or a parameter list of a call. */
    record Function(String name) implements PtxOperand {}

    /** {@code (a, b)}. */
    record Arguments(List<PtxOperand> elements) implements PtxOperand {}

    /** {@code _}. */
    record Sink() implements PtxOperand {}
}
