package dev.catena.sim.machine;

import java.util.BitSet;

/**
 * A block's shared memory. Variables lie apart, so that running over one's end hits nothing; addresses start above zero.
 */
final class SharedMemory {
    /** Bytes between two variables that belong to none. */
    static final int GAP = 64;
    /** Generic addresses of shared memory start here. */
    static final long WINDOW = 1L << 56;

    /**
     * Where variables lie: {@code [starts[i], ends[i])}.
     *
     * @param size bytes in all, gaps included
     */
    record Layout(int[] starts, int[] ends, String[] names, int size) {}

    final Page page;
    private final Layout layout;
    private final PendingCopy[] pending;
    private int pendingCopies;
    private int last;
    /** By their eighth byte; null where there are none. */
    private Mbarrier[] mbarriers;
    private int liveMbarriers;
    private int madeMbarriers;
    /** Of pieces of 16 bytes: matrix products under way that read them. Null, like the next one, where no kernel multiplies so. */
    private final short[] productReads;
    /** By warp, of the same pieces: the block's time when the last such product was waited for. A warp's lanes wait together. */
    private int[][] productsEnded = {};
    /** Words that threads have written and no fence has shown to asynchronous units since. */
    private final BitSet unshown;

    /** @param multiplied whether matrix products read it by themselves */
    SharedMemory(Layout layout, boolean multiplied) {
        this.layout = layout;
        productReads = multiplied ? new short[layout.size / 16 + 1] : null;
        unshown = multiplied ? new BitSet() : null;
        page = new Page(new byte[layout.size], true, true);
        pending = new PendingCopy[(layout.size + 3) / 4];
    }

    void start(int run) {
        page.markUnwritten();
        page.shadow.enter(run);
        if (pendingCopies > 0) {
            java.util.Arrays.fill(pending, null);
            pendingCopies = 0;
        }
        if (madeMbarriers > 0) {
            java.util.Arrays.fill(mbarriers, null);
            liveMbarriers = 0;
            madeMbarriers = 0;
        }
        if (unshown != null) {
            unshown.clear();
            java.util.Arrays.fill(productReads, (short) 0);
            productsEnded = new int[0][];
        }
    }

    /** Makes an mbarrier. */
    void begin(Block block, int offset, int expected, int thread) {
        mbarriers = mbarriers == null ? new Mbarrier[layout.size / 8 + 1] : mbarriers;
        if (madeMbarriers >= RaceShadow.MAX_MBARRIERS) {
            throw new UnsupportedPtxException(block.kernel.name + ": a block makes more than " + RaceShadow.MAX_MBARRIERS + " mbarriers");
        }
        mbarriers[offset >> 3] = new Mbarrier(block, offset, madeMbarriers++, expected, thread);
        liveMbarriers++;
    }

    void end(Mbarrier barrier) {
        mbarriers[barrier.offset >> 3] = null;
        liveMbarriers--;
    }

    /** The mbarrier that has one of these bytes, or null. */
    Mbarrier mbarrierAt(int offset, int size) {
        if (liveMbarriers > 0) {
            for (int i = offset >> 3; i <= offset + size - 1 >> 3; i++) {
                if (mbarriers[i] != null) {
                    return mbarriers[i];
                }
            }
        }
        return null;
    }

    /** A thread's {@code fence.proxy.async} or {@code fence.mbarrier_init}: copies may use the mbarriers that it made. */
    void fenceMbarriers(int thread) {
        for (int i = 0; liveMbarriers > 0 && i < mbarriers.length; i++) {
            if (mbarriers[i] != null && mbarriers[i].madeBy == thread) {
                mbarriers[i].fenced = true;
            }
        }
    }

    /** A product under way reads 16 bytes. */
    void beginProductRead(int offset) {
        productReads[offset >> 4]++;
    }

    /** A warp has waited for a product that read 16 bytes. */
    void endProductRead(int offset, Warp warp) {
        productReads[offset >> 4]--;
        if (productsEnded.length == 0) {
            productsEnded = new int[warp.block.warps.length][productReads.length];
        }
        productsEnded[warp.index][offset >> 4] = warp.block.clock;
    }

    /** A warp that has read some of the bytes by products whose end the lane doesn't know of, or -1. */
    int unknownProductRead(int offset, int size, Warp warp, int lane) {
        for (int other = 0; other < productsEnded.length; other++) {
            for (int i = offset >> 4; other != warp.index && i <= offset + size - 1 >> 4; i++) {
                if (productsEnded[other][i] > 0 && !knowsAnyLane(warp, lane, other, productsEnded[other][i])) {
                    return other;
                }
            }
        }
        return -1;
    }

    private static boolean knowsAnyLane(Warp warp, int lane, int other, int stamp) {
        for (int thread = other * Warp.LANES; thread < (other + 1) * Warp.LANES; thread++) {
            if (warp.knows(lane, warp.block.number, thread, stamp)) {
                return true;
            }
        }
        return false;
    }

    boolean isReadByProduct(int offset, int size) {
        if (productReads != null) {
            for (int i = offset >> 4; i <= offset + size - 1 >> 4; i++) {
                if (productReads[i] > 0) {
                    return true;
                }
            }
        }
        return false;
    }

    /** A thread has written there. */
    void writtenByThread(int offset, int size) {
        if (unshown != null) {
            unshown.set(offset >> 2, offset + size + 3 >> 2);
        }
    }

    void writtenByCopy(int offset, int size) {
        if (unshown != null) {
            unshown.clear(offset >> 2, offset + size >> 2);
        }
    }

    /** A lane's {@code fence.proxy.async}: asynchronous units see all writes that it knows of. */
    void show(Warp warp, int lane) {
        for (int word = unshown == null ? -1 : unshown.nextSetBit(0); word >= 0; word = unshown.nextSetBit(word + 1)) {
            if (page.shadow.knowsWriter(word << 2, warp, lane)) {
                unshown.clear(word);
            }
        }
    }

    /** Whether asynchronous units see what was written to these 16 bytes. */
    boolean isShown(int offset) {
        int next = unshown.nextSetBit(offset >> 2);
        return next < 0 || next >= (offset >> 2) + 4;
    }

    /** Whether {@code size} bytes at {@code offset} lie in one variable. */
    boolean contains(long offset, int size) {
        int[] starts = layout.starts;
        if (last < starts.length && offset >= starts[last] && offset + size <= layout.ends[last]) {
            return true;
        }
        for (int i = 0; i < starts.length; i++) {
            if (offset >= starts[i] && offset + size <= layout.ends[i]) {
                last = i;
                return true;
            }
        }
        return false;
    }

    /** An address in words. */
    String describe(long offset) {
        for (int i = 0; i < layout.starts.length; i++) {
            if (offset >= layout.starts[i] - GAP / 2 && offset < layout.ends[i] + GAP / 2) {
                return "byte " + (offset - layout.starts[i]) + " of " + layout.names[i] + " ("
                        + (layout.ends[i] - layout.starts[i]) + " bytes of shared memory)";
            }
        }
        return String.format("shared address 0x%x, which no variable has", offset);
    }

    /** The copy that is to write there and has not been waited for, or null. */
    PendingCopy pendingAt(int offset, int size) {
        if (pendingCopies == 0) {
            return null;
        }
        for (int i = offset >> 2; i <= offset + size - 1 >> 2; i++) {
            if (pending[i] != null) {
                return pending[i];
            }
        }
        return null;
    }

    void expect(PendingCopy copy) {
        for (int i = copy.target() >> 2; i < copy.target() + copy.size() >> 2; i++) {
            pending[i] = copy;
        }
        pendingCopies++;
    }

    void land(PendingCopy copy) {
        for (int i = copy.target() >> 2; i < copy.target() + copy.size() >> 2; i++) {
            pending[i] = null;
        }
        pendingCopies--;
    }
}
