package dev.catena.runtime;

import java.util.Arrays;

/**
 * Full pages by the tokens that made them, all of their prefix included, so that a sequence which begins like an earlier one
 * needn't be fed that beginning again. A page is found by the page before it and its own 64 ids, which are compared: a hash
 * that is equal by chance, or by intent, shares nothing. The cache holds each of its pages once and so keeps them when their
 * sequences have ended, until {@link #evict} is asked for room: the page that was used longest ago goes first, and none
 * before those that go on from it. Nothing is allocated after construction. Not thread-safe.
 */
final class PrefixCache {
    /** A sequence that agrees with a page in fewer positions than this isn't worth a copy of the page. */
    static final int LEAST_PART = 16;

    private static final int PAGE = PagePool.POSITIONS;
    /** The page before a sequence's first; no page has this id. */
    private static final int ROOT = 0;
    private static final int FREE = -1;

    private final PagePool pool;
    private final boolean enabled;
    /** By page id: the page before it, or {@link #FREE} where the cache doesn't hold it. */
    private final int[] parent;
    /** By page id: how many of the cache's pages go on from it. */
    private final int[] children;
    /** By page id: the clock when it was last shared or added. */
    private final long[] used;
    /** [pages][64] */
    private final int[] tokens;
    /** Chains of pages with one hash: their first, and by page id the next; 0 ends a chain. */
    private final int[] chains;
    private final int[] next;
    private final int seed = (int) System.nanoTime() | 1;
    private long clock;
    private long evictedPages;
    private int held;

    PrefixCache(PagePool pool, boolean enabled) {
        this.pool = pool;
        this.enabled = enabled;
        int pages = enabled ? pool.pages() : 0;
        parent = new int[pages];
        Arrays.fill(parent, FREE);
        children = new int[pages];
        used = new long[pages];
        tokens = new int[Math.multiplyExact(pages, PAGE)];
        chains = new int[Math.max(1, Integer.highestOneBit(pages) * 2)];
        next = new int[pages];
    }

    /**
     * Lets a sequence go on with pages of others as far as they agree, but leaves its last token to be fed. The last of these
     * pages may agree in part alone; it is copied when the sequence writes to it.
     *
     * @param table    the sequence's pages, which end at {@code position}
     * @param ids      the sequence, {@code length} of them
     * @param position how far it was fed, at the end of a page
     * @return how far it needn't be fed now
     */
    int share(PageTable table, int[] ids, int length, int position) {
        if (!enabled) {
            return position;
        }
        int page = table.count() == 0 ? ROOT : table.ids()[table.count() - 1];
        int at = position;
        while (at < length - 1 && (page == ROOT || parent[page] != FREE)) {
            int found = length - at < PAGE ? 0 : find(page, ids, at);
            int agreed = PAGE;
            if (found == 0) {
                found = mostAlike(page, ids, at, length);
                agreed = found == 0 ? 0 : agreement(found, ids, at, length);
                if (agreed < LEAST_PART) {
                    break;
                }
            }
            table.append(found);
            used[found] = ++clock;
            at += agreed;
            page = found;
            if (agreed < PAGE) {
                break;
            }
        }
        int reached = Math.min(at, length - 1);
        return Math.max(reached, position);
    }

    /** Keeps page {@code index} of a sequence, which is full now; if there is an equal one, the sequence takes that. */
    void add(PageTable table, int index, int[] ids) {
        int before = index == 0 ? ROOT : enabled ? table.ids()[index - 1] : FREE;
        if (!enabled || before != ROOT && parent[before] == FREE) {
            return;
        }
        int own = table.ids()[index];
        if (parent[own] != FREE) {
            return;   // came from here
        }
        int at = index * PAGE;
        int equal = find(before, ids, at);
        if (equal != 0) {
            table.replace(index, equal);
            used[equal] = ++clock;
            return;
        }
        pool.share(own);
        held++;
        parent[own] = before;
        children[own] = 0;
        if (before != ROOT) {
            children[before]++;
        }
        used[own] = ++clock;
        System.arraycopy(ids, at, tokens, own * PAGE, PAGE);
        int chain = chain(before, tokens, own * PAGE);
        next[own] = chains[chain];
        chains[chain] = own;
    }

    /** Gives back pages that nobody else holds until {@code wanted} are free. @return whether they are */
    boolean evict(int wanted) {
        while (pool.available() < wanted) {
            int oldest = 0;
            for (int page = 1; page < parent.length; page++) {
                if (parent[page] != FREE && children[page] == 0 && !pool.isShared(page)
                        && (oldest == 0 || used[page] < used[oldest])) {
                    oldest = page;
                }
            }
            if (oldest == 0) {
                return false;
            }
            remove(oldest);
            evictedPages++;
        }
        return true;
    }

    /** Gives back all pages. */
    void clear() {
        for (int page = 1; page < parent.length; page++) {
            if (parent[page] != FREE) {
                parent[page] = FREE;
                pool.release(page);
            }
        }
        held = 0;
        Arrays.fill(chains, 0);
    }

    /** Pages that nobody else holds: {@link #evict} gives so many. */
    int evictable() {
        int count = 0;
        for (int page = 1; page < parent.length; page++) {
            count += parent[page] != FREE && !pool.isShared(page) ? 1 : 0;
        }
        return count;
    }

    /** Pages that it holds. */
    int pages() {
        return held;
    }

    long evictedPages() {
        return evictedPages;
    }

    private void remove(int page) {
        int chain = chain(parent[page], tokens, page * PAGE);
        if (chains[chain] == page) {
            chains[chain] = next[page];
        } else {
            int before = chains[chain];
            while (next[before] != page) {
                before = next[before];
            }
            next[before] = next[page];
        }
        if (parent[page] != ROOT) {
            children[parent[page]]--;
        }
        parent[page] = FREE;
        held--;
        pool.release(page);
    }

    /** @return the page that goes on from {@code before} with the 64 ids at {@code at}, or 0 */
    private int find(int before, int[] ids, int at) {
        for (int page = chains[chain(before, ids, at)]; page != 0; page = next[page]) {
            if (parent[page] == before
                    && Arrays.equals(tokens, page * PAGE, page * PAGE + PAGE, ids, at, at + PAGE)) {
                return page;
            }
        }
        return 0;
    }

    /** @return of the pages that go on from {@code before} the one that agrees longest, or 0 */
    private int mostAlike(int before, int[] ids, int at, int length) {
        int best = 0;
        int most = 0;
        for (int page = 1; page < parent.length; page++) {
            int agreed = parent[page] == before ? agreement(page, ids, at, length) : 0;
            if (agreed > most) {
                best = page;
                most = agreed;
            }
        }
        return best;
    }

    private int agreement(int page, int[] ids, int at, int length) {
        int count = Math.min(PAGE, length - at);
        int differs = Arrays.mismatch(tokens, page * PAGE, page * PAGE + count, ids, at, at + count);
        return differs < 0 ? count : differs;
    }

    private int chain(int before, int[] ids, int at) {
        int hash = seed * (before + 1);
        for (int i = 0; i < PAGE; i++) {
            hash = (hash ^ ids[at + i]) * 0x9E3779B1;
            hash ^= hash >>> 15;
        }
        return hash & chains.length - 1;
    }
}
