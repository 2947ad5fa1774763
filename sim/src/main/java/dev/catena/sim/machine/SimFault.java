package dev.catena.sim.machine;

import dev.catena.runtime.DeviceException;
import dev.catena.sim.ptx.SourceLine;

/** A kernel broke a rule: which, and where. The message is the report that docs/sim.md explains. */
public final class SimFault extends DeviceException {
    private final transient FaultKind kind;
    private final String kernel;
    private final transient SourceLine source;
    private final long block;
    private final int thread;

    SimFault(FaultKind kind, String kernel, SourceLine source, String instruction, long block, int thread, String detail) {
        super(kind + " in " + kernel + (source == null ? "" : " at " + source)
                + (block < 0 ? "" : ", block " + block) + (thread < 0 ? "" : ", thread " + thread)
                + (instruction == null ? "" : ", " + instruction) + ": " + detail);
        this.kind = kind;
        this.kernel = kernel;
        this.source = source;
        this.block = block;
        this.thread = thread;
    }

    public FaultKind kind() {
        return kind;
    }

    public String kernel() {
        return kernel;
    }

    /** The line in the CUDA source, or null without line information. */
    public SourceLine source() {
        return source;
    }

    /** Linear index of the block, x fastest; -1 when none is to blame. */
    public long block() {
        return block;
    }

    /** Linear index of the thread in its block, x fastest; -1 when none is to blame. */
    public int thread() {
        return thread;
    }
}
