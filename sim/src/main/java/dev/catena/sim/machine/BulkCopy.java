package dev.catena.sim.machine;

/**
 * A {@code cp.async.bulk} on its way.
 *
 * @param target  offset in shared memory
 * @param size    bytes, a multiple of 16
 * @param source  global address
 * @param tells   the mbarrier that learns of its landing
 * @param before  what the source held when the copy was issued
 */
record BulkCopy(Warp warp, int lane, int target, int size, long source, Mbarrier tells, byte[] before, Instruction at) implements PendingCopy {
    @Override
    public int thread() {
        return warp.index * Warp.LANES + lane;
    }
}
