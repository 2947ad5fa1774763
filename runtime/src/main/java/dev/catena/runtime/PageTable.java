package dev.catena.runtime;

import java.util.Arrays;

/** The pages of one sequence, in order; some may be shared with others. Not thread-safe. */
final class PageTable {
    /** Copies a page of every stage's cache. */
    interface Copier {
        void copyPage(int from, int to);
    }

    private final PagePool pool;
    private int[] ids = new int[4];
    private int count;

    PageTable(PagePool pool) {
        this.pool = pool;
    }

    /** With room for so many pages, so that none is made later. */
    PageTable(PagePool pool, int pages) {
        this.pool = pool;
        ids = new int[pages];
    }

    int[] ids() {
        return ids;
    }

    int count() {
        return count;
    }

    /** Pages that {@link #prepareWrite} would take from the pool. */
    int pagesNeeded(int from, int to) {
        int pages = PagePool.pagesFor(to);
        int needed = Math.max(0, pages - count);
        for (int i = from / PagePool.POSITIONS; i < Math.min(count, pages); i++) {
            needed += pool.isShared(ids[i]) ? 1 : 0;
        }
        return needed;
    }

    /**
     * Makes positions {@code from} to {@code to} (exclusive) writable: takes the pages that are missing, and gives this
     * sequence its own copy of a page it shares.
     *
     * @return false, with nothing changed, when the pool hasn't enough pages
     */
    boolean prepareWrite(int from, int to, Copier copier) {
        int firstPage = from / PagePool.POSITIONS;
        int pages = PagePool.pagesFor(to);
        if (pagesNeeded(from, to) > pool.available()) {
            return false;
        }
        for (int i = firstPage; i < Math.min(count, pages); i++) {
            if (pool.isShared(ids[i])) {
                int own = pool.take();
                boolean copied = false;
                try {
                    copier.copyPage(ids[i], own);
                    copied = true;
                } finally {
                    pool.release(copied ? ids[i] : own);
                }
                ids[i] = own;
            }
        }
        makeRoom(pages);
        while (count < pages) {
            ids[count++] = pool.take();
        }
        return true;
    }

    private void makeRoom(int pages) {
        if (pages > ids.length) {
            ids = Arrays.copyOf(ids, Math.max(pages, ids.length * 2));
        }
    }

    /** Goes on with a page of another holder, shared. */
    void append(int id) {
        makeRoom(count + 1);
        pool.share(id);
        ids[count++] = id;
    }

    /** Takes another holder's page of the same contents in place of its own. */
    void replace(int index, int id) {
        pool.share(id);
        pool.release(ids[index]);
        ids[index] = id;
    }

    /** Gives back the pages behind the first {@code positions} positions. */
    void truncate(int positions) {
        int pages = PagePool.pagesFor(positions);
        while (count > pages) {
            pool.release(ids[--count]);
        }
    }

    /** A table of the same pages, shared. */
    PageTable fork() {
        PageTable copy = new PageTable(pool);
        copy.ids = ids.clone();
        copy.count = count;
        for (int i = 0; i < count; i++) {
            pool.share(ids[i]);
        }
        return copy;
    }
}
