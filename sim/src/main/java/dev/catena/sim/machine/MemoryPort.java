package dev.catena.sim.machine;

/**
 * A warp's way to memory: finds the page behind an address, with all checks. A page of global memory is held from one
 * lane's access to the next, until {@link #release}.
 */
final class MemoryPort {
    /** Generic addresses of local memory start here. */
    static final long LOCAL_WINDOW = 1L << 57;

    private final Warp warp;
    private Allocation allocation;
    private Page held;
    private Page lastPage;
    private long lastPageNumber = -1;
    /** Set by {@link #find}: where in the page the address is. */
    int offset;
    /** Set by {@link #find}: whether the page is shared by threads and must be checked for races. */
    boolean races;

    MemoryPort(Warp warp) {
        this.warp = warp;
    }

    /** Lets go of the page that is held. */
    void release() {
        if (held != null) {
            held.unlock();
            held = null;
        }
    }

    /**
     * The page that holds {@code size} bytes at an address, bounds and alignment checked.
     *
     * @param space    state space, {@link Space#GENERIC} decides by the address
     * @param writes   whether it is to be written
     */
    Page find(Space space, long address, int size, int lane, boolean writes, Instruction at) {
        if (space == Space.GENERIC) {
            space = Space.of(address);
            address -= space.window();
        }
        if ((address & size - 1) != 0) {
            throw warp.fault(FaultKind.MISALIGNED, lane, at, size + " bytes at " + describe(space, address));
        }
        switch (space) {
            case SHARED:
                if (!warp.block.shared.contains(address, size)) {
                    throw bounds(space, address, size, lane, at);
                }
                offset = (int) address;
                races = true;
                checkSharedIsFree(size, lane, writes, at);
                return warp.block.shared.page;
            case LOCAL:
                if (!warp.block.kernel.localContains(address, size)) {
                    throw bounds(space, address, size, lane, at);
                }
                offset = (int) address;
                races = false;
                return warp.local[lane];
            default:
                return findGlobal(address, size, lane, writes, at);
        }
    }

    /** That no copy, product or mbarrier has the bytes at {@link #offset}. */
    private void checkSharedIsFree(int size, int lane, boolean writes, Instruction at) {
        SharedMemory shared = warp.block.shared;
        PendingCopy pending = shared.pendingAt(offset, size);
        if (pending != null) {
            throw warp.fault(FaultKind.PENDING_COPY, lane, at, (writes ? "it writes " : "it reads ")
                    + describe(Space.SHARED, offset) + ", which the copy of thread " + pending.thread()
                    + warp.where(pending.at().pc) + " is still to write");
        }
        if (writes && shared.isReadByProduct(offset, size)) {
            throw warp.fault(FaultKind.PENDING_PRODUCT, lane, at, "it writes " + describe(Space.SHARED, offset)
                    + ", which a wgmma that was not waited for reads");
        }
        int reader = writes ? shared.unknownProductRead(offset, size, warp, lane) : -1;
        if (reader >= 0) {
            throw warp.fault(FaultKind.RACE, lane, at, "it writes " + describe(Space.SHARED, offset) + ", which a wgmma of warp " + reader
                    + " has read, and nothing orders the two");
        }
        if (shared.mbarrierAt(offset, size) != null) {
            throw warp.fault(FaultKind.MBARRIER, lane, at, (writes ? "it writes " : "it reads ") + describe(Space.SHARED, offset)
                    + ", where an mbarrier lies");
        }
    }

    /** The mbarrier at an address. */
    Mbarrier findBarrier(Space space, long address, int lane, Instruction at) {
        long in = space == Space.GENERIC ? address - Space.SHARED.window() : address;
        if (space == Space.GENERIC && Space.of(address) != Space.SHARED || (in & 7) != 0 || !warp.block.shared.contains(in, 8)
                || warp.block.shared.mbarrierAt((int) in, 8) == null) {
            throw warp.fault(FaultKind.MBARRIER, lane, at, "no mbarrier was made at "
                    + describe(space == Space.GENERIC ? Space.of(address) : space, in));
        }
        return warp.block.shared.mbarrierAt((int) in, 8);
    }

    private Page findGlobal(long address, int size, int lane, boolean writes, Instruction at) {
        Allocation a = allocation;
        if (a == null || address - a.address() < 0 || address - a.address() > a.bytes() - size) {
            a = warp.block.launch.machine.memory().near(address);
            if (a == null || address < a.address() || address - a.address() > a.bytes() - size) {
                throw bounds(Space.GLOBAL, address, size, lane, at);
            }
            allocation = a;
        }
        if (writes && a.readOnly()) {
            throw warp.fault(FaultKind.READ_ONLY, lane, at, describe(Space.GLOBAL, address));
        }
        long in = address - a.address();
        offset = (int) in & Allocation.PAGE_BYTES - 1;
        races = !a.readOnly();
        long number = address >>> Allocation.PAGE_BITS;
        Page page = lastPage;
        if (number != lastPageNumber) {
            page = a.page(in);
            lastPage = page;
            lastPageNumber = number;
        }
        if (races && page != held) {
            release();
            page.lock();
            held = page;
            page.shadow.enter(warp.block.launch.number);
        }
        if (races && warp.block.kernel.beginsEarly && (warp.waitedForLaunches >>> lane & 1) == 0 && (writes || page.writtenByLaunch)) {
            throw warp.fault(FaultKind.DEPENDENT, lane, at, describe(Space.GLOBAL, address));
        }
        return page;
    }

    private SimFault bounds(Space space, long address, int size, int lane, Instruction at) {
        return warp.fault(FaultKind.OUT_OF_BOUNDS, lane, at, size + " bytes at " + describe(space, address));
    }

    /** An address in words. */
    String describe(Space space, long address) {
        switch (space) {
            case SHARED:
                return warp.block.shared.describe(address);
            case LOCAL:
                return "byte " + address + " of local memory";
            default:
                Allocation near = warp.block.launch.machine.memory().near(address);
                return near == null ? String.format("address 0x%x, which is nowhere", address)
                        : "byte " + (address - near.address()) + " of " + near.name() + " (" + near.bytes() + " bytes)";
        }
    }

    /** Checks that what is read was written and that nobody else writes it; the access was found before. */
    void checkRead(Page page, int size, int lane, boolean strong, boolean coherent, Instruction at) {
        if (!page.isWritten(offset, size)) {
            throw warp.fault(FaultKind.UNWRITTEN, lane, at, size + " bytes at " + describeFound(page));
        }
        if (races) {
            page.shadow.read(offset, size, warp, lane, strong, coherent, at);
        }
    }

    /** Likewise, of 16 bytes of shared memory that a product reads; until it was waited for they are watched in another way. */
    void checkProductRead(Page page, Instruction at) {
        if (!page.isWritten(offset, 16)) {
            throw warp.fault(FaultKind.UNWRITTEN, 0, at, "16 bytes at " + describeFound(page));
        }
        page.shadow.checkKnown(offset, 16, warp, 0, at);
    }

    /** Checks that nobody else reads or writes what is written now, and marks it as written. */
    void checkWrite(Page page, int size, int lane, boolean strong, Instruction at) {
        if (races) {
            page.shadow.write(offset, size, warp, lane, strong, at);
            page.writtenByLaunch = true;
            if (page == warp.block.shared.page) {
                warp.block.shared.writtenByThread(offset, size);
            }
        }
        page.markWritten(offset, size);
    }

    private String describeFound(Page page) {
        return page == warp.block.shared.page ? describe(Space.SHARED, offset)
                : races ? describe(Space.GLOBAL, (lastPageNumber << Allocation.PAGE_BITS) + offset) : "byte " + offset + " of local memory";
    }

    /** Reads from global memory for a {@code cp.async}. */
    void readBytes(int lane, long address, int count, byte[] into, Instruction at) {
        for (int i = 0; i < count; i++) {
            Page page = find(Space.GLOBAL, address + i, 1, lane, false, at);
            if (!page.isWritten(offset, 1)) {
                throw warp.fault(FaultKind.UNWRITTEN, lane, at, "1 byte at " + describe(Space.GLOBAL, address + i));
            }
            into[i] = page.data[offset];
        }
        if (races) {
            for (int i = 0; i + 4 <= count; i += 4) {
                Page page = find(Space.GLOBAL, address + i, 4, lane, false, at);
                page.shadow.read(offset, 4, warp, lane, false, true, at);
            }
        }
        release();
    }

    /**
     * Reads a multiple of 16 bytes of global memory for a {@code cp.async.bulk}.
     *
     * @param counts whether it counts as a read of the lane's
     */
    void readPieces(int lane, long address, byte[] into, boolean counts, Instruction at) {
        try {
            for (int i = 0; i < into.length; i += 16) {
                Page page = find(Space.GLOBAL, address + i, 16, lane, false, at);
                if (counts) {
                    checkRead(page, 16, lane, false, true, at);
                }
                System.arraycopy(page.data, offset, into, i, 16);
            }
        } finally {
            release();
        }
    }

    /** Checks that a {@code cp.async.bulk} may write there from now on. @return the target's offset */
    int claimShared(int lane, long target, int size, Instruction at) {
        for (int i = 0; i < size; i += 16) {
            Page page = find(Space.SHARED, target + i, 16, lane, true, at);
            page.shadow.write(offset, 16, warp, lane, false, at);
        }
        return (int) target;
    }

    /** Checks that a {@code cp.async} may write there from now on. */
    void checkSharedWrite(int lane, int target, int size, Instruction at) {
        Page page = find(Space.SHARED, target, size, lane, true, at);
        page.shadow.write(target, size, warp, lane, false, at);
    }

    /** The landing of a {@code cp.async}. */
    void writeShared(int lane, int target, byte[] bytes, Instruction at) {
        Page page = find(Space.SHARED, target, bytes.length, lane, true, at);
        checkWrite(page, bytes.length, lane, false, at);
        System.arraycopy(bytes, 0, page.data, target, bytes.length);
    }
}
