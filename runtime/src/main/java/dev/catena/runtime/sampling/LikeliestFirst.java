package dev.catena.runtime.sampling;

/**
 * A binary heap of token ids that hands out the largest score first, the lower id first among equals. Filling it is
 * linear, each token taken is logarithmic: what top-p needs in order not to sort a vocabulary of which it keeps little.
 */
final class LikeliestFirst {
    private final float[] scores;
    private final int[] heap;
    private int size;

    /** @param scores score per token id, read at every {@link #fill} and {@link #take} */
    LikeliestFirst(float[] scores) {
        this.scores = scores;
        this.heap = new int[scores.length];
    }

    void fill(int[] ids, int count) {
        System.arraycopy(ids, 0, heap, 0, count);
        size = count;
        for (int i = size / 2 - 1; i >= 0; i--) {
            sink(i);
        }
    }

    boolean isEmpty() {
        return size == 0;
    }

    int take() {
        int top = heap[0];
        heap[0] = heap[--size];
        sink(0);
        return top;
    }

    /** Whether token {@code a} comes out before token {@code b}. */
    boolean before(int a, int b) {
        return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
    }

    private void sink(int at) {
        int id = heap[at];
        while (2 * at + 1 < size) {
            int child = 2 * at + 1;
            if (child + 1 < size && before(heap[child + 1], heap[child])) {
                child++;
            }
            if (!before(heap[child], id)) {
                break;
            }
            heap[at] = heap[child];
            at = child;
        }
        heap[at] = id;
    }
}
