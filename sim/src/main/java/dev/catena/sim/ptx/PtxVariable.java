package dev.catena.sim.ptx;

/**
 * Memory with a name.
 *
 * @param space       {@code global}, {@code const}, {@code shared}, {@code local} or {@code param}
 * @param bytes       its size, 0 for {@code extern .shared} arrays
 * @param extern      whether the launch gives its size (dynamic shared memory)
 * @param initializer its first bytes, or null for none
 */
public record PtxVariable(String name, String space, int align, long bytes, boolean extern, byte[] initializer) {}
