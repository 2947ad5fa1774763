package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import java.util.List;

/** A decoded instruction: operands are slots of the register file, everything that can be known is known. */
abstract class Instruction {
    /** Place in the kernel's code. */
    int pc;
    PtxInstruction text;
    /** Slot of the predicate it hangs on, or -1. */
    int guard = -1;
    boolean guardNegated;
    /** Whether it says itself where its lanes go on: {@link #transfer} instead of {@link #run}. */
    final boolean control;

    /** Registers of 32 bits that it uses and some {@code wgmma} of the kernel uses, too. */
    int[] productRegisters = {};

    private final List<MemoryAccess> accesses;

    /**
     * @param control whether it says itself where its lanes go on
     * @param accesses what it reads and writes in memory
     */
    Instruction(boolean control, MemoryAccess... accesses) {
        this.control = control;
        this.accesses = List.of(accesses);
    }

    /** Lanes of {@code mask} whose guard holds. */
    final int active(Warp warp, int mask) {
        return guard < 0 ? mask : mask & (guardNegated ? ~warp.predicates[guard] : warp.predicates[guard]);
    }

    /** What it reads and writes in memory, for who counts that. */
    List<MemoryAccess> accesses() {
        return accesses;
    }

    /** Runs on the lanes of {@code active}, at least one. */
    void run(Warp warp, int active) {
        throw new AssertionError(text.name());
    }

    /**
     * Moves the warp's current group ({@link Warp#pc}, {@link Warp#mask}); {@code active} are its lanes whose guard holds.
     *
     * @return whether there still is a current group
     */
    boolean transfer(Warp warp, int active) {
        throw new AssertionError(text.name());
    }
}
