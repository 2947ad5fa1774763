package dev.catena.sim.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/** A kernel's run over a grid: blocks in random order, some of them at a time. */
final class Launch {
    /** Warp instructions without any progress after which a launch counts as hanging, while all blocks look at memory. */
    private static final long PATIENCE = 2_000_000;
    /** The same for blocks that only compute. */
    private static final long ENDLESS = 1_000_000_000;
    private static final int TURN = 4000;

    final SimMachine machine;
    final Kernel kernel;
    final int[] grid;
    final int[] block;
    final int threads;
    final int dynamicShared;
    final byte[] parameters;
    final int number;
    final long seed;
    final Publications publications = new Publications();
    private final long[] chosen;
    /** What blocks count, or null. */
    private final List<KernelTally> tallies;
    private final long limit;
    private final AtomicLong next = new AtomicLong();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final AtomicLong laneInstructions = new AtomicLong();
    private volatile long progress;
    /** Whether a thread has waited for the launches before this one. */
    volatile boolean waited;

    /**
     * @param chosen  blocks to run (linear indices), null = all
     * @param tallies gets what blocks count, unless null
     * @param limit   lane instructions after which the launch is given up
     */
    Launch(SimMachine machine, Kernel kernel, int[] grid, int[] block, int dynamicShared, byte[] parameters, int number,
            long seed, long[] chosen, List<KernelTally> tallies, long limit) {
        this.machine = machine;
        this.kernel = kernel;
        this.grid = grid;
        this.block = block;
        this.threads = block[0] * block[1] * block[2];
        this.dynamicShared = dynamicShared;
        this.parameters = parameters;
        this.number = number;
        this.seed = seed;
        this.chosen = chosen;
        this.tallies = tallies;
        this.limit = limit;
    }

    /** Something happened that others may wait for. */
    void progress() {
        progress++;     // a lost increment doesn't matter
    }

    /** Runs all blocks. @return lane instructions executed */
    long run(int hosts, int residentBlocks) {
        long count = chosen == null ? (long) grid[0] * grid[1] * grid[2] : chosen.length;
        int resident = (int) Math.min(residentBlocks, count);
        int used = Math.max(1, Math.min(hosts, resident));
        List<Thread> started = new ArrayList<>();
        for (int i = 1; i < used; i++) {
            int share = resident / used + (i < resident % used ? 1 : 0);
            Thread thread = new Thread(() -> host(share, count), "catena-sim-" + i);
            thread.setDaemon(true);
            thread.start();
            started.add(thread);
        }
        host(resident / used + (resident % used > 0 ? 1 : 0), count);
        boolean interrupted = false;
        for (Thread thread : started) {
            while (true) {
                try {
                    thread.join();
                    break;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        Throwable failed = failure.get();
        if (failed instanceof RuntimeException e) {
            throw e;
        }
        if (failed instanceof Error e) {
            throw e;
        }
        if (kernel.beginsEarly && !waited) {
            throw new SimFault(FaultKind.DEPENDENT, kernel.name, null, null, -1, -1, "no thread has waited for the launches before it, so that "
                    + "who waits for this one doesn't wait for those");
        }
        return laneInstructions.get();
    }

    /** Takes blocks and runs {@code resident} of them in turns, until none is left. */
    private void host(int resident, long count) {
        try {
            List<Block> running = new ArrayList<>();
            List<Block> free = new ArrayList<>();
            long sinceProgress = 0;
            long computed = 0;
            long seen = progress;
            while (failure.get() == null) {
                while (running.size() < resident && fill(running, free, count)) {
                    progress();
                }
                if (running.isEmpty()) {
                    return;
                }
                for (int i = 0; i < running.size(); i++) {
                    Block current = running.get(i);
                    boolean ended = current.run(TURN);
                    if (laneInstructions.addAndGet(current.takeLaneInstructions()) > limit) {
                        throw new SimFault(FaultKind.DEADLOCK, kernel.name, null, null, current.linear, -1,
                                "more than " + limit + " instructions of lanes");
                    }
                    if (ended) {
                        progress();
                        if (current.tally != null) {
                            current.tally.blockEnded();
                        }
                        free.add(running.remove(i--));
                    }
                    sinceProgress += TURN;
                    if (!current.looked) {
                        computed += sinceProgress;     // it waits for nobody
                        sinceProgress = 0;
                    }
                    current.looked = false;
                }
                if (progress != seen) {
                    seen = progress;
                    sinceProgress = 0;
                    computed = 0;
                } else if (sinceProgress > PATIENCE || computed > ENDLESS) {
                    throw hangs(running.get(0));
                }
            }
        } catch (Throwable e) {
            failure.compareAndSet(null, e);
        }
    }

    private KernelTally newTally() {
        if (tallies == null) {
            return null;
        }
        KernelTally tally = new KernelTally(kernel, machine.memory());
        synchronized (tallies) {
            tallies.add(tally);
        }
        return tally;
    }

    private boolean fill(List<Block> running, List<Block> free, long count) {
        long turn = next.getAndIncrement();
        if (turn >= count) {
            return false;
        }
        Block block = free.isEmpty() ? new Block(this, newTally()) : free.remove(free.size() - 1);
        long at = shuffled(turn, count);
        block.start(chosen == null ? at : chosen[(int) at]);
        running.add(block);
        return true;
    }

    /** A permutation of {@code 0 … count-1}: i → a × i + b with a prime to count. */
    private long shuffled(long i, long count) {
        long a = Math.floorMod(seed * 0x9E3779B97F4A7C15L, count) | 1;
        while (gcd(a, count) != 1) {
            a += 2;
        }
        return (a % count * i + Math.floorMod(seed >> 7, count)) % count;    // count < 2^24: no overflow
    }

    private static long gcd(long a, long b) {
        return b == 0 ? a : gcd(b, a % b);
    }

    private SimFault hangs(Block block) {
        for (Warp warp : block.warps) {
            Instruction at = warp.waitsAt();
            if (at != null) {
                return warp.fault(FaultKind.DEADLOCK, 0, at, "nothing has changed for long; "
                        + (next.get() < blocks() ? "blocks that have not begun wait for those that run" : "threads wait in vain"));
            }
        }
        return new SimFault(FaultKind.DEADLOCK, kernel.name, null, null, block.linear, -1, "nothing has changed for long");
    }

    private long blocks() {
        return chosen == null ? (long) grid[0] * grid[1] * grid[2] : chosen.length;
    }
}
