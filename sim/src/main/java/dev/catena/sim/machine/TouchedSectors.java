package dev.catena.sim.machine;

import java.util.HashMap;
import java.util.Map;

/** Sectors of global memory, 32 bytes each, that were touched: a set. */
final class TouchedSectors {
    static final int BYTES = 32;
    /** A page of 128 sectors is two words. */
    private static final int PAGE_BITS = 7;

    private final Map<Long, long[]> pages = new HashMap<>();
    private long lastNumber = -1;
    private long[] lastPage;

    void add(long sector) {
        long number = sector >>> PAGE_BITS;
        if (number != lastNumber) {
            lastPage = pages.computeIfAbsent(number, n -> new long[2]);
            lastNumber = number;
        }
        lastPage[(int) sector >>> 6 & 1] |= 1L << sector;
    }

    void addAll(TouchedSectors others) {
        others.pages.forEach((number, bits) -> {
            long[] own = pages.computeIfAbsent(number, n -> new long[2]);
            own[0] |= bits[0];
            own[1] |= bits[1];
        });
    }

    long count() {
        return pages.values().stream().mapToLong(bits -> Long.bitCount(bits[0]) + Long.bitCount(bits[1])).sum();
    }
}
