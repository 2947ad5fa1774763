package dev.catena.sim.machine;

import java.util.Arrays;

/**
 * 32 threads of a block: their registers, and where they stand. Lanes at one instruction form a group and run together;
 * which group runs next, and whether one is split, chance decides, since PTX promises no lockstep.
 */
final class Warp {
    static final int LANES = 32;
    /** Turns after which lanes in lockstep that haven't met let any of them go on. */
    private static final int PATIENCE = 1024;

    final Block block;
    final int index;
    /** Lanes that waited for the launches before this one. */
    int waitedForLaunches;
    final int[][] r32;
    final long[][] r64;
    /** A bit a lane. */
    final int[] predicates;
    /** A bit a lane: what the last {@code .cc} instruction carried. */
    int carries;
    /** For a value to be computed for all lanes before some of them take it. */
    final int[] spare32 = new int[LANES];
    final long[] spare64 = new long[LANES];
    final long[] addresses = new long[LANES];
    final Page[] local;
    final byte[][] parameters;
    final MemoryPort memory;
    /** Counts what it does, or null. Its lanes then run in lockstep. */
    final KernelTally tally;
    final AsyncCopies copies;
    /** What it has under way by {@code wgmma}; null where the kernel has none. */
    final PendingProducts products;
    /** It looks for something in vain: others may run. */
    boolean yields;
    /** Where lanes return to, by function. */
    final int[][] returns;

    int existing;
    int exited;
    int pc;
    int mask;

    private int groups;
    /** Turns since all lanes stood together. */
    private int apart;
    private final int[] groupPcs = new int[LANES];
    private final int[] groupMasks = new int[LANES];
    private int parked;
    private final Collective[] parkedAt = new Collective[LANES];
    private final int[] parkedNeeds = new int[LANES];
    private final int[] parkedMasks = new int[LANES];

    private final Instruction[] code;
    private long random;
    long laneInstructions;

    // What the lanes know of each other's accesses.
    int syncStamp;
    private int[] pairStamps;
    private Knowledge[] acquired;
    private Knowledge[] seen;
    private Knowledge[] released;
    private int[] releasedTo;

    Warp(Block block, int index) {
        this.block = block;
        this.index = index;
        Kernel kernel = block.kernel;
        code = kernel.code;
        tally = block.tally;
        r32 = kernel.newRegisters32();
        r64 = kernel.newRegisters64();
        predicates = new int[kernel.predicates];
        memory = new MemoryPort(this);
        copies = new AsyncCopies(this);
        products = kernel.multipliesByWarpgroup() ? new PendingProducts(this) : null;
        local = new Page[kernel.localBytes == 0 ? 0 : LANES];
        for (int i = 0; i < local.length; i++) {
            local[i] = new Page(new byte[kernel.localBytes], true, false);
        }
        parameters = new byte[kernel.callBytes == 0 ? 0 : LANES][kernel.callBytes];
        returns = new int[kernel.functions][LANES];
    }

    /** Puts all lanes at the kernel's start. */
    void start(long seed) {
        random = seed * 0x9E3779B97F4A7C15L ^ (index + 1) * 0xD1B54A32D192ED03L | 1;
        nextRandom();
        int threads = block.threads - index * LANES;
        existing = threads >= LANES ? -1 : (1 << threads) - 1;
        exited = 0;
        groups = 0;
        parked = 0;
        syncStamp = 0;
        pairStamps = null;
        acquired = null;
        seen = null;
        released = null;
        waitedForLaunches = 0;
        copies.clear();
        if (products != null) {
            products.clear();
        }
        for (Page page : local) {
            page.markUnwritten();
        }
        block.kernel.fillSpecials(this);
        push(block.kernel.entry, existing);
    }

    boolean runnable() {
        return groups > 0;
    }

    boolean ended() {
        return exited == existing;
    }

    /** Runs some instructions. @return how many */
    int run(int budget) {
        int left = budget;
        yields = false;
        while (left > 0 && groups > 0 && !yields) {
            int slice = Math.min(left, pick());
            int ran = 0;
            boolean current = true;
            int meet = groups == 0 ? -1 : nextGroupPc(pc + 1);
            long lanes = 0;
            while (ran < slice && !yields) {
                if (pc == meet) {
                    break;
                }
                Instruction i = code[pc];
                ran++;
                int active = i.active(this, mask);
                lanes += Integer.bitCount(active);
                if (i.productRegisters.length > 0 && active != 0) {
                    products.touch(i, active);
                }
                if (i.control) {
                    current = tally == null ? i.transfer(this, active) : countedTransfer(i, active);
                    if (!current) {
                        break;
                    }
                    meet = groups == 0 ? -1 : nextGroupPc(pc);
                } else {
                    if (tally != null) {
                        tally.instruction(i, this, active);
                    }
                    if (active != 0) {
                        i.run(this, active);
                    }
                    pc++;
                }
            }
            laneInstructions += lanes;
            if (current) {
                push(pc, mask);
            }
            left -= Math.max(1, ran);
        }
        return budget - left;
    }

    /** Collectives count themselves when all their lanes are there. */
    private boolean countedTransfer(Instruction i, int active) {
        if (i instanceof Collective) {
            return i.transfer(this, active);
        }
        tally.instruction(i, this, active);
        if (i.text.opcode().equals("bra") && active != 0 && active != mask) {
            tally.divergence(i);
        }
        return i.transfer(this, active);
    }

    /** The lowest of the other groups' places that the current group may run into. */
    private int nextGroupPc(int from) {
        int next = Integer.MAX_VALUE;
        for (int i = 0; i < groups; i++) {
            if (groupPcs[i] >= from && groupPcs[i] < next) {
                next = groupPcs[i];
            }
        }
        return next;
    }

    /**
     * Takes a group out as the current one: mostly the one that is furthest behind, so that lanes meet again, sometimes
     * any, and sometimes a part of one. In lockstep always the one behind, unless it waits for another in vain.
     *
     * @return instructions it may run
     */
    private int pick() {
        int chosen = 0;
        int slice = Integer.MAX_VALUE;
        int chance = nextRandom();
        apart = groups > 1 ? apart + 1 : 0;
        if (groups > 1 && (tally == null ? (chance & 7) == 0 : apart % PATIENCE == 0)) {
            chosen = (chance >>> 8) % groups;
            slice = 1 + (chance >>> 16 & 31);
        } else {
            for (int i = 1; i < groups; i++) {
                if (groupPcs[i] < groupPcs[chosen]) {
                    chosen = i;
                }
            }
        }
        pc = groupPcs[chosen];
        mask = groupMasks[chosen];
        groups--;
        groupPcs[chosen] = groupPcs[groups];
        groupMasks[chosen] = groupMasks[groups];
        if (tally == null && (chance >>> 4 & 63) == 0 && Integer.bitCount(mask) > 1) {
            int part = mask & (nextRandom() | nextRandom() << 16);
            if (part != 0 && part != mask) {
                push(pc, mask & ~part);
                mask = part;
                // Let it run away from the rest before they can meet.
                return 1 + (chance >>> 16 & 15);
            }
        }
        return slice;
    }

    /** Puts lanes at an instruction, with those who are there already. */
    void push(int at, int lanes) {
        if (lanes == 0) {
            return;
        }
        for (int i = 0; i < groups; i++) {
            if (groupPcs[i] == at) {
                groupMasks[i] |= lanes;
                return;
            }
        }
        groupPcs[groups] = at;
        groupMasks[groups++] = lanes;
    }

    void park(Collective at, int need, int lanes) {
        parkedAt[parked] = at;
        parkedNeeds[parked] = need;
        parkedMasks[parked++] = lanes;
    }

    /** Takes the lanes that wait there for the same others. */
    int unpark(int at, int need) {
        for (int i = 0; i < parked; i++) {
            if (parkedAt[i].pc == at && parkedNeeds[i] == need) {
                int lanes = parkedMasks[i];
                parked--;
                parkedAt[i] = parkedAt[parked];
                parkedNeeds[i] = parkedNeeds[parked];
                parkedMasks[i] = parkedMasks[parked];
                return lanes;
            }
        }
        return 0;
    }

    void exit(int lanes) {
        exited |= lanes;
        if (products != null && !products.none()) {
            throw fault(FaultKind.PENDING_PRODUCT, Integer.numberOfTrailingZeros(lanes), products.first(), "the thread ends before it was waited for");
        }
        for (int i = 0; i < parked; i++) {
            int missing = parkedNeeds[i] & exited;
            if (missing != 0) {
                throw fault(parkedAt[i].failure(), Integer.numberOfTrailingZeros(parkedMasks[i]), parkedAt[i], "lanes "
                        + Collective.hex(parkedMasks[i]) + " wait here for " + Collective.hex(parkedNeeds[i]) + ", and lanes "
                        + Collective.hex(missing) + " have ended");
            }
        }
    }

    /** The fault of lanes that wait for others of their warp which can't come, or null. */
    SimFault stuck() {
        if (parked == 0) {
            return null;
        }
        Collective at = parkedAt[0];
        int missing = parkedNeeds[0] & ~parkedMasks[0];
        String elsewhere = parked > 1 ? "wait" + where(parkedAt[1].pc) + " (" + parkedAt[1].text.name() + ")"
                : "wait elsewhere";
        return fault(at.failure(), Integer.numberOfTrailingZeros(parkedMasks[0]), at, "lanes " + Collective.hex(parkedMasks[0])
                + " wait here for " + Collective.hex(parkedNeeds[0]) + ", but lanes " + Collective.hex(missing) + " " + elsewhere);
    }

    /** Where lanes of this warp wait, for reports, or null. */
    Instruction waitsAt() {
        return parked > 0 ? parkedAt[0] : groups > 0 ? code[groupPcs[0]] : null;
    }

    /** 31 bits that the machine's seed and these bits decide. */
    int approximationOf(long bits) {
        long mixed = (bits ^ block.launch.machine.seed() * 0x9E3779B97F4A7C15L) * 0xBF58476D1CE4E5B9L;
        return (int) ((mixed ^ mixed >>> 31) * 0x94D049BB133111EBL >>> 33);
    }

    /** 31 random bits (xorshift64*, Vigna 2016). */
    int nextRandom() {
        random ^= random >>> 12;
        random ^= random << 25;
        random ^= random >>> 27;
        return (int) (random * 0x2545F4914F6CDD1DL >>> 33);
    }

    SimFault fault(FaultKind kind, int lane, Instruction at, String detail) {
        return new SimFault(kind, block.kernel.name, at.text.source(), at.text.name() + " (PTX line " + at.text.textLine() + ")",
                block.linear, index * LANES + lane, detail);
    }

    /** " at FILE:LINE" of an instruction. */
    String where(int at) {
        Instruction i = code[at];
        return " at " + (i.text.source() != null ? i.text.source().toString() : "PTX line " + i.text.textLine());
    }

    /** Who a lane is and what time it is, as {@link RaceShadow} keeps it. */
    long identity(int lane) {
        return (long) block.number << RaceShadow.BLOCK_SHIFT | (long) (index * LANES + lane) << RaceShadow.THREAD_SHIFT
                | block.clock;
    }

    /** Whether the accesses of a thread up to a stamp happened before what the lane does now. */
    boolean knows(int lane, int otherBlock, int thread, int stamp) {
        if (otherBlock == block.number && thread < RaceShadow.FIRST_COPY) {
            if (stamp <= block.barrierStamp) {
                return true;
            }
            if (thread >> 5 == index && (stamp <= syncStamp
                    || pairStamps != null && stamp <= pairStamps[lane * LANES + (thread & 31)])) {
                return true;
            }
        }
        return acquired != null && acquired[lane] != null && acquired[lane].covers(otherBlock, thread, stamp)
                || block.acquired != null && block.acquired.covers(otherBlock, thread, stamp);
    }

    boolean knowsOtherBlocks(int lane) {
        return block.acquired != null && block.acquired.reachesBeyond(block.number)
                || acquired != null && acquired[lane] != null && acquired[lane].reachesBeyond(block.number);
    }

    /** {@code bar.warp.sync}: the lanes know all that any of them did or knew. */
    void synchronizeLanes(int lanes) {
        int stamp = block.clock;
        block.tick();
        if (lanes == existing) {
            syncStamp = stamp;
        } else {
            if (pairStamps == null) {
                pairStamps = new int[LANES * LANES];
            }
            int[] joined = new int[LANES];
            for (int m = lanes; m != 0; m &= m - 1) {
                int lane = Integer.numberOfTrailingZeros(m);
                for (int other = 0; other < LANES; other++) {
                    joined[other] = Math.max(joined[other], pairStamps[lane * LANES + other]);
                }
                joined[lane] = stamp;
            }
            for (int m = lanes; m != 0; m &= m - 1) {
                System.arraycopy(joined, 0, pairStamps, Integer.numberOfTrailingZeros(m) * LANES, LANES);
            }
        }
        if (acquired != null) {
            Knowledge all = acquiredBy(lanes);
            for (int m = lanes; m != 0; m &= m - 1) {
                acquired[Integer.numberOfTrailingZeros(m)] = all;
            }
        }
    }

    /** What any of the lanes learned from elsewhere, or null. */
    Knowledge acquiredBy(int lanes) {
        Knowledge all = null;
        if (acquired != null) {
            for (int m = lanes; m != 0; m &= m - 1) {
                all = Knowledge.join(all, acquired[Integer.numberOfTrailingZeros(m)]);
            }
        }
        return all;
    }

    void learn(int lane, Knowledge what) {
        if (what != null) {
            if (acquired == null) {
                acquired = new Knowledge[LANES];
            }
            acquired[lane] = Knowledge.join(acquired[lane], what);
        }
    }

    /** All that happened before what the lane does now, itself included. */
    Knowledge knowledge(int lane) {
        int[] stamps = new int[block.threads];
        for (int other = 0; other < LANES && index * LANES + other < block.threads; other++) {
            stamps[index * LANES + other] = Math.max(syncStamp, pairStamps == null ? 0 : pairStamps[lane * LANES + other]);
        }
        stamps[index * LANES + lane] = block.clock;
        Knowledge own = Knowledge.of(block.number, block.barrierStamp, stamps);
        return Knowledge.join(Knowledge.join(own, block.acquired), acquired == null ? null : acquired[lane]);
    }

    /** A fence: what strong reads saw is learned, and strong writes from here on pass on what is known. */
    void fence(int lanes, boolean blockScope) {
        if (released == null) {
            released = new Knowledge[LANES];
            releasedTo = new int[LANES];
        }
        for (int m = lanes; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            if (seen != null) {
                learn(lane, seen[lane]);
            }
            released[lane] = knowledge(lane);
            releasedTo[lane] = blockScope ? block.number : -1;
        }
        block.tick();
    }

    /** A strong write or update of {@code address} by a lane that may have fenced before. */
    void publish(int lane, Publications at, long address, boolean update) {
        if (released != null && released[lane] != null) {
            at.publish(address, released[lane], releasedTo[lane], update);
        } else if (!update) {
            at.forget(address);
        }
    }

    /** A strong read: what it saw counts after the next fence. */
    void observe(int lane, Publications at, long address) {
        block.looked = true;
        Knowledge found = at.find(address, block.number);
        if (found != null) {
            if (seen == null) {
                seen = new Knowledge[LANES];
            }
            seen[lane] = Knowledge.join(seen[lane], found);
        }
    }

    /** The lanes' own knowledge of other blocks is the block's now. */
    void forgetAcquired() {
        if (acquired != null) {
            Arrays.fill(acquired, null);
        }
    }

    private double[] matrixA = new double[0];
    private double[] matrixB = new double[0];
    private double[] matrixD;

    /** Room for the warp's A of an {@code mma}. */
    double[] matrixA(int size) {
        return matrixA = matrixA.length == size ? matrixA : new double[size];
    }

    /** Room for the warp's B of an {@code mma}, column by column. */
    double[] matrixB(int size) {
        return matrixB = matrixB.length == size ? matrixB : new double[size];
    }

    /** Room for 16 × 8 results. */
    double[] matrixD() {
        return matrixD = matrixD == null ? new double[128] : matrixD;
    }
}
