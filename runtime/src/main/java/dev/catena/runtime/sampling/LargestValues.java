package dev.catena.runtime.sampling;

/**
 * Finds the k-th largest of many values by one pass with a heap of the k largest so far. For the small k of top-k
 * nearly every value fails its first comparison.
 */
final class LargestValues {
    /** A min-heap: the smallest of the largest on top. */
    private final float[] heap;

    LargestValues(int k) {
        heap = new float[k];
    }

    /**
     * @param values at least k values, no NaN
     * @return the k-th largest, counting equal values as often as they occur
     */
    float kthLargest(float[] values) {
        int k = heap.length;
        System.arraycopy(values, 0, heap, 0, k);
        for (int i = k / 2 - 1; i >= 0; i--) {
            sink(i, heap[i]);
        }
        for (int i = k; i < values.length; i++) {
            if (values[i] > heap[0]) {
                sink(0, values[i]);
            }
        }
        return heap[0];
    }

    private void sink(int at, float value) {
        while (2 * at + 1 < heap.length) {
            int child = 2 * at + 1;
            if (child + 1 < heap.length && heap[child + 1] < heap[child]) {
                child++;
            }
            if (heap[child] >= value) {
                break;
            }
            heap[at] = heap[child];
            at = child;
        }
        heap[at] = value;
    }
}
