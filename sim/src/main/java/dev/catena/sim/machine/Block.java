package dev.catena.sim.machine;

/** A block of threads on a host thread: its warps, shared memory and barriers. Used again for other blocks of its launch. */
final class Block {
    final Launch launch;
    final Kernel kernel;
    final int threads;
    final Warp[] warps;
    final SharedMemory shared;
    /** Counts what it does, or null. */
    final KernelTally tally;
    final BulkCopies copies = new BulkCopies(this);
    private final Warpgroup[] warpgroups;
    final Publications publications = new Publications();
    private final Barrier[] barriers = new Barrier[16];

    /** Linear index in the grid, and the same as the race shadow keeps it. */
    long linear;
    int number;
    int[] coordinates = new int[3];

    /** Counts what orders threads of this block: accesses carry its value. */
    int clock;
    /** Accesses up to here happened before everything now, by a barrier of the whole block. */
    int barrierStamp;
    /** What the whole block knows of other blocks, or null. */
    Knowledge acquired;
    /** Whether it read something strongly since this was last cleared, as those do who wait for others. */
    boolean looked;
    private int runs;
    private long random;

    Block(Launch launch, KernelTally tally) {
        this.launch = launch;
        this.tally = tally;
        this.kernel = launch.kernel;
        this.threads = launch.threads;
        shared = new SharedMemory(kernel.sharedLayout(launch.dynamicShared), kernel.multipliesByWarpgroup());
        warps = new Warp[(threads + Warp.LANES - 1) / Warp.LANES];
        for (int i = 0; i < warps.length; i++) {
            warps[i] = new Warp(this, i);
        }
        warpgroups = new Warpgroup[warps.length / Warpgroup.WARPS];
        for (int i = 0; i < warpgroups.length; i++) {
            warpgroups[i] = new Warpgroup();
        }
        for (int i = 0; i < barriers.length; i++) {
            barriers[i] = new Barrier(this, i);
        }
    }

    void start(long index) {
        linear = index;
        number = (int) index;
        coordinates[0] = (int) (index % launch.grid[0]);
        coordinates[1] = (int) (index / launch.grid[0] % launch.grid[1]);
        coordinates[2] = (int) (index / launch.grid[0] / launch.grid[1]);
        clock = 1;
        barrierStamp = 0;
        acquired = null;
        shared.start(++runs);
        copies.clear();
        for (Warpgroup warpgroup : warpgroups) {
            warpgroup.clear();
        }
        for (Barrier barrier : barriers) {
            barrier.clear();
        }
        random = launch.seed + index * 0x9E3779B97F4A7C15L;
        for (Warp warp : warps) {
            warp.start(random ^ launch.seed << 17);
        }
    }

    /** Time goes on: accesses from here on are not covered by what was passed on before. */
    void tick() {
        if (++clock > RaceShadow.MAX_STAMP) {
            throw new UnsupportedPtxException(kernel.name + ": a block synchronizes more than " + RaceShadow.MAX_STAMP + " times");
        }
    }

    Barrier barrier(int id) {
        return barriers[id];
    }

    /**
     * Runs warps in random turns.
     *
     * @return whether the block has ended
     */
    boolean run(int budget) {
        int left = budget;
        while (left > 0) {
            int runnable = 0;
            boolean ended = true;
            for (Warp warp : warps) {
                runnable += warp.runnable() ? 1 : 0;
                ended &= warp.ended();
            }
            copies.landSome();
            if (ended) {
                copies.ended();
                return true;
            }
            if (runnable == 0) {
                throw stuck();
            }
            int turn = nextRandom() % runnable;
            for (Warp warp : warps) {
                if (warp.runnable() && turn-- == 0) {
                    left -= warp.run(Math.min(left, 16 + (nextRandom() & 255)));
                    break;
                }
            }
        }
        return false;
    }

    /** Lane instructions that have run since this was asked last. */
    long takeLaneInstructions() {
        long taken = 0;
        for (Warp warp : warps) {
            taken += warp.laneInstructions;
            warp.laneInstructions = 0;
        }
        return taken;
    }

    /** The warpgroup that a warp belongs to, or null where fewer than four warps are left for it. */
    Warpgroup warpgroup(int warp) {
        return warp / Warpgroup.WARPS < warpgroups.length ? warpgroups[warp / Warpgroup.WARPS] : null;
    }

    int nextRandom() {
        random += 0x9E3779B97F4A7C15L;     // splitmix64 (Steele, Lea, Flood 2014)
        long z = (random ^ random >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return (int) (z >>> 33);
    }

    private SimFault stuck() {
        for (Warp warp : warps) {
            SimFault fault = warp.stuck();
            if (fault != null) {
                return fault;
            }
        }
        for (Barrier barrier : barriers) {
            SimFault fault = barrier.stuck();
            if (fault != null) {
                return fault;
            }
        }
        throw new AssertionError("a block with nothing to run and nothing to wait for");
    }

    /** Where a thread is, for reports. */
    String whereabouts(int thread) {
        Warp warp = warps[thread / Warp.LANES];
        if ((warp.exited >> thread % Warp.LANES & 1) != 0) {
            return "has ended";
        }
        Instruction at = warp.waitsAt();
        return at == null ? "waits at another barrier" : "is" + warp.where(at.pc);
    }
}
