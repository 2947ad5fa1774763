package dev.catena.runtime;

import dev.catena.artifact.Manifest;

/**
 * Which cache pages are in use, and by how many sequences. Page ids hold for every stage on every device of a chain: page 7
 * of a sequence is page 7 of each stage's block. Page 0 belongs to nobody. Not thread-safe.
 */
final class PagePool {
    /** Positions in a page (docs/kv-layout.md). */
    static final int POSITIONS = Manifest.Kv.PAGE_POSITIONS;

    private final int[] holders;
    /** A stack of free ids: the page that was given back last, whose memory is already there, is taken first. */
    private final int[] free;
    private int freeCount;

    /** @param pages page 0 included */
    PagePool(int pages) {
        holders = new int[pages];
        free = new int[pages];
        for (int id = pages - 1; id >= 1; id--) {
            free[freeCount++] = id;
        }
    }

    static int pagesFor(long positions) {
        return Math.toIntExact((positions + POSITIONS - 1) / POSITIONS);
    }

    /** Pages in all, page 0 included. */
    int pages() {
        return holders.length;
    }

    int available() {
        return freeCount;
    }

    /** @return an id for one holder; there must be one {@link #available} */
    int take() {
        int id = free[--freeCount];
        holders[id] = 1;
        return id;
    }

    void share(int id) {
        if (holders[id] == 0) {
            throw new IllegalStateException("page " + id + " is free");
        }
        holders[id]++;
    }

    boolean isShared(int id) {
        return holders[id] > 1;
    }

    void release(int id) {
        if (holders[id] == 0) {
            throw new IllegalStateException("page " + id + " is free");
        }
        if (--holders[id] == 0) {
            free[freeCount++] = id;
        }
    }
}
