package dev.catena.sim.ptx;

import java.util.List;

/**
 * A kernel ({@code entry}) or function.
 *
 * @param returns    return parameters of a function
 * @param variables  shared, local and call-parameter variables declared inside
 * @param maxThreads threads of a block at most ({@code .maxntid}), 0 = not said
 */
public record PtxFunction(String name, boolean entry, List<PtxVariable> returns, List<PtxVariable> parameters,
        List<PtxRegister> registers, List<PtxVariable> variables, List<PtxInstruction> instructions, int maxThreads) {}
