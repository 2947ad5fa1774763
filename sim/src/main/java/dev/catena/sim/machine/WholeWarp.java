package dev.catena.sim.machine;

/** An instruction that all 32 lanes of a warp run together, as the matrix instructions are. */
abstract class WholeWarp extends Collective {
    /** @param accesses what it reads and writes in memory */
    WholeWarp(MemoryAccess... accesses) {
        super(accesses);
    }

    @Override
    final int required(Warp warp, int lane) {
        return -1;
    }
}
