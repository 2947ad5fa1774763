package dev.catena.sim.machine;

import java.util.Arrays;

/**
 * Who touched a page's bytes last in this launch, and the check that conflicting accesses are ordered: FastTrack
 * (Flanagan and Freund, PLDI 2009) with the read sets of a GPU (one thread, lanes of a warp, warps of a block, blocks of
 * the grid) in place of vectors. Bytes are kept in granules of four until something smaller is touched.
 */
final class RaceShadow {
    // A cell: kind 2, strong 1, non-coherent 1, block 24, thread 11, stamp 25 bits. 0 = untouched.
    private static final int KIND_SHIFT = 62;
    private static final long STRONG = 1L << 61;
    private static final long NON_COHERENT = 1L << 60;
    static final int BLOCK_SHIFT = 36;
    static final int THREAD_SHIFT = 25;
    static final int MAX_STAMP = (1 << THREAD_SHIFT) - 1;
    static final int MAX_BLOCKS = 1 << 24;
    /** From here on "threads" are the copies that tell an mbarrier of the block, by its number. */
    static final int FIRST_COPY = 1024;
    /** So many of them. */
    static final int MAX_MBARRIERS = 1024;
    private static final long IDENTITY = (1L << 60) - (1L << THREAD_SHIFT);
    private static final long READER = (1L << 60) - 1;
    private static final long BLOCK = (1L << 60) - (1L << BLOCK_SHIFT);

    private static final int ONE = 0;
    private static final int WARP = 1;
    private static final int WARPS = 2;
    private static final int GRID = 3;

    private final int bytes;
    private int shift = 2;
    private long[] writes;
    private long[] reads;
    /**
     * For a read cell of kind WARP its lanes, of kind WARPS its warps. One of kind GRID names one of its readers, by chance: a
     * weak one, if there is any.
     */
    private int[] readers;
    private int[] writePcs;
    private int[] readPcs;
    private int launch = -1;

    RaceShadow(int bytes) {
        this.bytes = bytes;
    }

    /** Forgets everything when this is another launch (or block, for shared memory) than the last access's. */
    void enter(int current) {
        if (launch != current) {
            launch = current;
            if (writes == null) {
                allocate();
            } else {
                Arrays.fill(writes, 0);
                Arrays.fill(reads, 0);
            }
        }
    }

    private void allocate() {
        int granules = (bytes + (1 << shift) - 1) >> shift;
        writes = new long[granules];
        reads = new long[granules];
        readers = new int[granules];
        writePcs = new int[granules];
        readPcs = new int[granules];
    }

    private void refine(int to) {
        long[] oldWrites = writes;
        long[] oldReads = reads;
        int[] oldReaders = readers;
        int[] oldWritePcs = writePcs;
        int[] oldReadPcs = readPcs;
        int by = shift - to;
        shift = to;
        allocate();
        for (int i = 0; i < writes.length; i++) {
            writes[i] = oldWrites[i >> by];
            reads[i] = oldReads[i >> by];
            readers[i] = oldReaders[i >> by];
            writePcs[i] = oldWritePcs[i >> by];
            readPcs[i] = oldReadPcs[i >> by];
        }
    }

    private void fit(int size) {
        if (size < 1 << shift) {
            refine(size == 1 ? 0 : 1);
        }
    }

    /**
     * A read of {@code size} bytes by a lane.
     *
     * @param strong     whether it is atomic, volatile or relaxed: such accesses don't race with each other
     * @param coherent   false for {@code ld.global.nc}
     */
    void read(int offset, int size, Warp warp, int lane, boolean strong, boolean coherent, Instruction at) {
        fit(size);
        int last = offset + size - 1 >> shift;
        long me = warp.identity(lane);
        for (int g = offset >> shift; g <= last; g++) {
            long w = writes[g];
            if (w != 0) {
                if (!coherent) {
                    throw warp.fault(FaultKind.NON_COHERENT, lane, at, "written by " + describe(w, writePcs[g], warp));
                }
                if (unordered(w, warp, lane, me) && !(strong && (w & STRONG) != 0)) {
                    throw warp.fault(FaultKind.RACE, lane, at, "it reads what " + describe(w, writePcs[g], warp)
                            + " writes, and nothing orders the two");
                }
            }
            noteRead(g, warp, lane, me | (strong ? STRONG : 0) | (coherent ? 0 : NON_COHERENT), at);
        }
    }

    /** Checks that a lane knows of the last writes, without remembering a read. */
    void checkKnown(int offset, int size, Warp warp, int lane, Instruction at) {
        long me = warp.identity(lane);
        for (int g = offset >> shift; g <= offset + size - 1 >> shift; g++) {
            if (writes[g] != 0 && unordered(writes[g], warp, lane, me)) {
                throw warp.fault(FaultKind.RACE, lane, at, "it reads what " + describe(writes[g], writePcs[g], warp)
                        + " writes, and nothing orders the two");
            }
        }
    }

    private void noteRead(int g, Warp warp, int lane, long me, Instruction at) {
        long r = reads[g];
        readPcs[g] = at.pc;
        long flags = (r & me & STRONG) | ((r | me) & NON_COHERENT);
        int kind = (int) (r >>> KIND_SHIFT);
        if (r == 0 || kind == ONE && ((r ^ me) & IDENTITY) == 0) {
            reads[g] = r == 0 ? me : me & ~STRONG | flags;
            return;
        }
        if (kind == GRID || ((r ^ me) & BLOCK) != 0) {
            boolean isOneReader = kind == ONE || kind == GRID;
            boolean keep = isOneReader && (((r ^ me) & STRONG) != 0 ? (me & STRONG) != 0 : (warp.nextRandom() & 1) != 0);
            reads[g] = (long) GRID << KIND_SHIFT | flags | (keep ? r : me) & READER;
            return;
        }
        int stamp = Math.max((int) r & MAX_STAMP, (int) me & MAX_STAMP);
        int thread = thread(r);
        if (((int) r & MAX_STAMP) <= warp.block.barrierStamp) {
            reads[g] = me | r & NON_COHERENT;    // the readers so far happened before this one
            return;
        }
        boolean sameWarp = kind != WARPS && thread >> 5 == warp.index;
        if (sameWarp) {
            if (((int) r & MAX_STAMP) <= warp.syncStamp) {
                reads[g] = me | r & NON_COHERENT;
                return;
            }
            int lanes = kind == ONE ? 1 << (thread & 31) : readers[g];
            readers[g] = lanes | 1 << lane;
            reads[g] = (long) WARP << KIND_SHIFT | flags | me & BLOCK | (long) (warp.index << 5) << THREAD_SHIFT | stamp;
        } else {
            int warps = kind == WARPS ? readers[g] : 1 << (thread >> 5);
            readers[g] = warps | 1 << warp.index;
            reads[g] = (long) WARPS << KIND_SHIFT | flags | me & BLOCK | stamp;
        }
    }

    /** A write, or an atomic update, of {@code size} bytes by a lane. */
    void write(int offset, int size, Warp warp, int lane, boolean strong, Instruction at) {
        fit(size);
        int last = offset + size - 1 >> shift;
        long me = warp.identity(lane);
        for (int g = offset >> shift; g <= last; g++) {
            long w = writes[g];
            if (w != 0 && !(strong && (w & STRONG) != 0) && unordered(w, warp, lane, me)) {
                throw warp.fault(FaultKind.RACE, lane, at, "it writes what " + describe(w, writePcs[g], warp)
                        + " writes, and nothing orders the two");
            }
            long r = reads[g];
            if (r != 0) {
                if ((r & NON_COHERENT) != 0) {
                    throw warp.fault(FaultKind.NON_COHERENT, lane, at, "it writes what " + describeRead(g, warp) + " reads");
                }
                if (!(strong && (r & STRONG) != 0) && unorderedRead(r, g, warp, lane, me)) {
                    throw warp.fault(FaultKind.RACE, lane, at, "it writes what " + describeRead(g, warp)
                            + " reads, and nothing orders the two");
                }
                reads[g] = 0;
            }
            writes[g] = me | (strong ? STRONG : 0);
            writePcs[g] = at.pc;
        }
    }

    /** A copy that tells an mbarrier has written, at the block's present time. */
    void land(int offset, int size, Block block, int mbarrier, Instruction at) {
        long copy = (long) block.number << BLOCK_SHIFT | (long) (FIRST_COPY + mbarrier) << THREAD_SHIFT | block.clock;
        for (int g = offset >> shift; g <= offset + size - 1 >> shift; g++) {
            writes[g] = copy;
            writePcs[g] = at.pc;
        }
    }

    /** Whether a lane knows of the last write of a byte. */
    boolean knowsWriter(int offset, Warp warp, int lane) {
        long w = writes[offset >> shift];
        return w == 0 || !unordered(w, warp, lane, warp.identity(lane));
    }

    private static boolean unordered(long cell, Warp warp, int lane, long me) {
        if (((cell ^ me) & IDENTITY) == 0) {
            return false;
        }
        int stamp = (int) cell & MAX_STAMP;
        return !warp.knows(lane, block(cell), thread(cell), stamp);
    }

    private boolean unorderedRead(long r, int g, Warp warp, int lane, long me) {
        int stamp = (int) r & MAX_STAMP;
        int block = block(r);
        switch ((int) (r >>> KIND_SHIFT)) {
            case ONE:
                return unordered(r, warp, lane, me);
            case WARP:
                for (int m = readers[g]; m != 0; m &= m - 1) {
                    int thread = thread(r) + Integer.numberOfTrailingZeros(m);
                    if (!isSelf(warp, lane, block, thread) && !warp.knows(lane, block, thread, stamp)) {
                        return true;
                    }
                }
                return false;
            case WARPS:
                if (block == warp.block.number && stamp <= warp.block.barrierStamp) {
                    return false;
                }
                for (int m = readers[g]; m != 0; m &= m - 1) {
                    int first = Integer.numberOfTrailingZeros(m) << 5;
                    for (int thread = first; thread < first + 32 && thread < warp.block.threads; thread++) {
                        if (!isSelf(warp, lane, block, thread) && !warp.knows(lane, block, thread, stamp)) {
                            return true;
                        }
                    }
                }
                return false;
            default:
                return !warp.knowsOtherBlocks(lane)
                        || !isSelf(warp, lane, block, thread(r)) && !warp.knows(lane, block, thread(r), stamp);
        }
    }

    private static boolean isSelf(Warp warp, int lane, int block, int thread) {
        return block == warp.block.number && thread == (warp.index << 5) + lane;
    }

    private static int block(long cell) {
        return (int) (cell >>> BLOCK_SHIFT) & MAX_BLOCKS - 1;
    }

    private static int thread(long cell) {
        return (int) (cell >>> THREAD_SHIFT) & FIRST_COPY + MAX_MBARRIERS - 1;
    }

    private static String describe(long cell, int pc, Warp warp) {
        return (thread(cell) >= FIRST_COPY ? "a copy" : "thread " + thread(cell)) + (block(cell) == warp.block.number ? "" : " of block " + block(cell)) + warp.where(pc);
    }

    private String describeRead(int g, Warp warp) {
        long r = reads[g];
        return switch ((int) (r >>> KIND_SHIFT)) {
            case ONE -> describe(r, readPcs[g], warp);
            case WARP -> "warp " + (thread(r) >> 5) + (block(r) == warp.block.number ? "" : " of block " + block(r))
                    + warp.where(readPcs[g]);
            case WARPS -> "several warps" + (block(r) == warp.block.number ? "" : " of block " + block(r))
                    + warp.where(readPcs[g]);
            default -> "several blocks" + warp.where(readPcs[g]);
        };
    }
}
