package dev.catena.sim.machine;

import java.util.HashMap;
import java.util.Map;

/**
 * Which accesses of other threads happened before: for each block, a stamp up to which all its threads are known, and
 * stamps for single threads. A vector clock in pieces, since most orders come from barriers of whole blocks. Immutable.
 */
final class Knowledge {
    /** Of one block: {@code all} threads up to a stamp; {@code threads[i]} further for thread i, or null. */
    private record View(int all, int[] threads) {
        View join(View other) {
            int[] joined = threads;
            if (other.threads != null) {
                joined = other.threads.clone();
                if (threads != null) {
                    for (int i = 0; i < joined.length; i++) {
                        joined[i] = Math.max(joined[i], threads[i]);
                    }
                }
            }
            return new View(Math.max(all, other.all), joined);
        }
    }

    private final Map<Integer, View> blocks;

    private Knowledge(Map<Integer, View> blocks) {
        this.blocks = blocks;
    }

    /** What a thread that stands at {@code stamps} knows of its block. */
    static Knowledge of(int block, int all, int[] threads) {
        return new Knowledge(Map.of(block, new View(all, threads)));
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
        return view != null && (stamp <= view.all || view.threads != null && stamp <= view.threads[thread]);
    }

    /** Whether anything of another block is known. */
    boolean reachesBeyond(int block) {
        return blocks.size() > 1 || !blocks.containsKey(block);
    }
}
