package dev.catena.sim.machine;

import java.util.ArrayList;
import java.util.List;

/** One of a block's sixteen barriers. */
final class Barrier {
    /** Lanes that wait, and the slots of a reduction's result (-1 = none). */
    private record Waiting(Warp warp, int lanes, BarrierSync at) {}

    private final Block block;
    private final int id;
    private final List<Waiting> waiting = new ArrayList<>();
    private final int[] came;
    private int arrived;
    private int expected;
    private int holding;
    private Knowledge knowledge;

    Barrier(Block block, int id) {
        this.block = block;
        this.id = id;
        came = new int[block.warps.length];
    }

    void clear() {
        waiting.clear();
        arrived = 0;
        holding = 0;
        knowledge = null;
        java.util.Arrays.fill(came, 0);
    }

    /**
     * Lanes come to the barrier.
     *
     * @param count   threads it is for, 0 = the whole block
     * @param holds   of these lanes the predicate of a reduction holds
     * @param waits   whether the lanes wait ({@code bar.sync}) or go on ({@code bar.arrive})
     */
    void arrive(Warp warp, int lanes, int count, int holds, boolean waits, BarrierSync at) {
        int expects = count == 0 ? block.threads : count;
        if (arrived > 0 && expected != expects) {
            throw warp.fault(FaultKind.BARRIER, Integer.numberOfTrailingZeros(lanes), at, "barrier " + id + " is for " + expects
                    + " threads here and for " + expected + " elsewhere");
        }
        if ((came[warp.index] & lanes) != 0) {
            throw warp.fault(FaultKind.BARRIER, Integer.numberOfTrailingZeros(came[warp.index] & lanes), at,
                    "it came to barrier " + id + " before, and that is not complete");
        }
        expected = expects;
        came[warp.index] |= lanes;
        holding += Integer.bitCount(holds);
        arrived += count == 0 ? Integer.bitCount(lanes) : Warp.LANES;
        if (expected != block.threads || !waits) {
            for (int m = lanes; m != 0; m &= m - 1) {
                knowledge = Knowledge.join(knowledge, warp.knowledge(Integer.numberOfTrailingZeros(m)));
            }
        }
        if (waits) {
            waiting.add(new Waiting(warp, lanes, at));
        } else {
            block.tick(); // what these lanes do from here on is not what the others learn of
            warp.push(at.pc + 1, lanes);
        }
        if (arrived > expected) {
            throw warp.fault(FaultKind.BARRIER, Integer.numberOfTrailingZeros(lanes), at, arrived + " threads came to barrier "
                    + id + ", which is for " + expected);
        }
        if (arrived == expected) {
            complete();
        }
    }

    private void complete() {
        boolean whole = expected == block.threads && waiting.stream().mapToInt(w -> Integer.bitCount(w.lanes)).sum() == expected;
        if (whole) {
            block.barrierStamp = block.clock;
            for (Warp warp : block.warps) {
                block.acquired = Knowledge.join(block.acquired, warp.acquiredBy(warp.existing));
            }
            for (Warp warp : block.warps) {
                warp.forgetAcquired();
            }
        } else {
            if (expected == block.threads) {
                // Some only arrived, and have told what they had done by then: those who wait learn of all.
                for (Waiting w : waiting) {
                    for (int m = w.lanes; m != 0; m &= m - 1) {
                        knowledge = Knowledge.join(knowledge, w.warp.knowledge(Integer.numberOfTrailingZeros(m)));
                    }
                }
            }
            for (Waiting w : waiting) {
                for (int m = w.lanes; m != 0; m &= m - 1) {
                    w.warp.learn(Integer.numberOfTrailingZeros(m), knowledge);
                }
            }
        }
        block.tick();
        block.launch.progress();
        for (Waiting w : waiting) {
            w.at.release(w.warp, w.lanes, holding, expected);
            w.warp.push(w.at.pc + 1, w.lanes);
        }
        clear();
    }

    /** The fault of a barrier that some wait at and the others can't reach, or null. */
    SimFault stuck() {
        if (waiting.isEmpty()) {
            return null;
        }
        Waiting first = waiting.get(0);
        int missing = 0;
        while (missing < block.threads && (came[missing / Warp.LANES] >> missing % Warp.LANES & 1) != 0) {
            missing++;
        }
        return first.warp.fault(FaultKind.BARRIER, Integer.numberOfTrailingZeros(first.lanes), first.at, arrived + " of "
                + expected + " threads came to barrier " + id
                + (missing < block.threads ? "; thread " + missing + " " + block.whereabouts(missing) : ""));
    }
}
