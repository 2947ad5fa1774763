package dev.catena.runtime.gpu;

import java.util.List;

/**
 * A named part of memory on a GPU.
 *
 * @param readOnly kernels never write to it
 */
public record Region(String name, long bytes, boolean readOnly) {
    /** Where every region starts: a multiple of so many bytes (docs/cuda-abi.md). */
    public static final int ALIGNMENT = 256;

    static Region of(String name, long bytes) {
        return new Region(name, bytes, false);
    }

    /** Bytes that it takes where others follow. */
    public long roomBytes() {
        return (Math.max(1, bytes) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    /** Where each of them starts when they lie one behind the other. */
    public static long[] offsets(List<Region> regions) {
        long[] offsets = new long[regions.size()];
        long next = 0;
        for (int i = 0; i < offsets.length; i++) {
            offsets[i] = next;
            next = Math.addExact(next, regions.get(i).roomBytes());
        }
        return offsets;
    }

    /** Bytes of all of them one behind the other. */
    public static long totalBytes(List<Region> regions) {
        return regions.stream().mapToLong(Region::roomBytes).reduce(0, Math::addExact);
    }
}
