package dev.catena.sim.machine;

import java.util.concurrent.CopyOnWriteArrayList;

/** The device's global memory: allocations, found by address. */
final class GlobalMemory {
    /** Number 0 is no allocation, so that a null pointer with any offset is out of bounds. */
    private static final int FIRST_ID = 1;
    private final CopyOnWriteArrayList<Allocation> allocations = new CopyOnWriteArrayList<>();

    synchronized Allocation allocate(String name, long bytes, boolean readOnly, Allocation.Contents contents) {
        Allocation allocation = new Allocation(name, FIRST_ID + allocations.size(), bytes, readOnly, contents);
        allocations.add(allocation);
        return allocation;
    }

    /** Its number stays free, so that an address which is still in use hits nothing. */
    void free(Allocation allocation) {
        allocations.set(allocations.indexOf(allocation), null);
    }

    /** The allocation in whose neighbourhood the address lies, or null. */
    Allocation near(long address) {
        long at = (address >>> Allocation.ID_SHIFT) - FIRST_ID;
        return at >= 0 && at < allocations.size() ? allocations.get((int) at) : null;
    }
}
