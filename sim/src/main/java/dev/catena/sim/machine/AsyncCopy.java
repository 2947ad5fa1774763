package dev.catena.sim.machine;

/**
 * A {@code cp.async} on its way.
 *
 * @param target  offset in shared memory
 * @param size    bytes written, 4, 8 or 16
 * @param source  global address
 * @param read    bytes of the source; the rest is zeros
 * @param before  what the source held when the copy was issued
 */
record AsyncCopy(int lane, int thread, int target, int size, long source, int read, byte[] before, Instruction at) implements PendingCopy {}
