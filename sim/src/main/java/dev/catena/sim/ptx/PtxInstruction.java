package dev.catena.sim.ptx;

import java.util.List;

/**
 * One instruction.
 *
 * @param opcode    such as {@code ld}
 * @param modifiers what follows it, such as {@code [global, nc, v4, u32]}
 * @param guard     the predicate it hangs on, or null
 * @param textLine  its line in the PTX
 * @param source    its line in the CUDA source, or null
 */
public record PtxInstruction(String opcode, List<String> modifiers, PtxRegister guard, boolean guardNegated,
        List<PtxOperand> operands, int textLine, SourceLine source) {

    /** The whole opcode: {@code ld.global.nc.v4.u32}. */
    public String name() {
        return modifiers.isEmpty() ? opcode : opcode + "." + String.join(".", modifiers);
    }

    /** Whether it has this modifier. */
    public boolean has(String modifier) {
        return modifiers.contains(modifier);
    }
}
