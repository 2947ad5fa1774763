package dev.catena.sim.machine;

import java.util.HashMap;
import java.util.Map;

/**
 * Which accesses of other threads happened before: for each block, a stamp up to which all its threads are known, and
 * stamps for single threads. A vector clock in pieces, since most orders come from barriers of whole blocks. Immutable.
 */
final class Knowledge {
    /**
     * Of one block: {@code all} threads up to a stamp; {@code threads[i]} further for thread i, or null; the copies that tell mbarrier i
     * up to {@code copies[i]}, or null: no barrier of threads tells of those.
     */
    private record View(int all, int[] threads, int[] copies) {
        View join(View other) {
            return new View(Math.max(all, other.all), latest(threads, other.threads), latest(copies, other.copies));
        }

        private static int[] latest(int[] a, int[] b) {
            if (a == null || b == null || a == b) {
                return a == null ? b : a;
            }
            int[] joined = a.length < b.length ? b.clone() : a.clone();
            for (int i = 0; i < Math.min(a.length, b.length); i++) {
                joined[i] = Math.max(a[i], b[i]);
            }
            return joined;
        }
    }

    private final Map<Integer, View> blocks;

    private Knowledge(Map<Integer, View> blocks) {
        this.blocks = blocks;
    }

    /** What a thread that stands at {@code stamps} knows of its block. */
    static Knowledge of(int block, int all, int[] threads) {
        return new Knowledge(Map.of(block, new View(all, threads, null)));
    }

    /** That the copies which told an mbarrier have landed, up to a stamp. */
    static Knowledge ofCopies(int block, int mbarrier, int stamp) {
        int[] copies = new int[mbarrier + 1];
        copies[mbarrier] = stamp;
        return new Knowledge(Map.of(block, new View(0, null, copies)));
    }

    /** Both; either may be null. */
    static Knowledge join(Knowledge a, Knowledge b) {
        if (a == null || a == b) {
            return b;
        }
        if (b == null) {
            return a;
        }
        Map<Integer, View> joined = new HashMap<>(a.blocks);
        b.blocks.forEach((block, view) -> joined.merge(block, view, View::join));
        return new Knowledge(joined);
    }

    boolean covers(int block, int thread, int stamp) {
        View view = blocks.get(block);
        if (thread >= RaceShadow.FIRST_COPY) {
            int mbarrier = thread - RaceShadow.FIRST_COPY;
            return view != null && view.copies != null && mbarrier < view.copies.length && stamp <= view.copies[mbarrier];
        }
        return view != null && (stamp <= view.all || view.threads != null && stamp <= view.threads[thread]);
    }

    /** Whether anything of another block is known. */
    boolean reachesBeyond(int block) {
        return blocks.size() > 1 || !blocks.containsKey(block);
    }
}
