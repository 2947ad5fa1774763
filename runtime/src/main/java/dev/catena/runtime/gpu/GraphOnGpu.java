package dev.catena.runtime.gpu;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/** One GPU with a graph's kernels and weights on it; the graph's runners share it. Thread-safe. */
final class GraphOnGpu implements AutoCloseable {
    private final Gpu gpu;
    private final long code;
    private final Map<String, Long> kernels = new HashMap<>();
    private final long[] weights;
    private final Deque<AutoCloseable> owned = new ArrayDeque<>();

    /**
     * The weights of an artifact.
     *
     * @param gpu     is closed with this
     * @param code    a cubin or PTX
     * @param what    it is called in messages
     * @param entries of the weights, in their order
     * @param file    is closed with this
     */
    GraphOnGpu(Gpu gpu, byte[] code, String what, List<String> entries, WeightFile file) {
        this.gpu = gpu;
        owned.push(gpu);
        boolean done = false;
        try {
            this.code = gpu.load(code, what);
            owned.push(() -> gpu.unload(this.code));
            WeightStore.Share share = new WeightStore(gpu, file).acquire(new LinkedHashSet<>(entries));
            owned.push(share);
            weights = entries.stream().mapToLong(share::address).toArray();
            done = true;
        } finally {
            if (!done) {
                close();
            }
        }
    }

    /** Weights outside any artifact, of code that somebody else has loaded. */
    GraphOnGpu(Gpu gpu, long code, List<byte[]> contents) {
        this.gpu = gpu;
        this.code = code;
        weights = new long[contents.size()];
        boolean done = false;
        try {
            for (int i = 0; i < weights.length; i++) {
                byte[] bytes = contents.get(i);
                GpuMemory memory = gpu.allocate(List.of(new Region("weight " + i, bytes.length, true)));
                owned.push(memory);
                weights[i] = memory.address(0);
                try (PinnedMemory pinned = gpu.pin(Math.max(1, bytes.length))) {
                    pinned.bytes().put(0, bytes);
                    long stream = gpu.newStream();
                    gpu.copyIn(stream, weights[i], pinned, 0, bytes.length);
                    gpu.synchronize(stream);
                    gpu.closeStream(stream);
                }
            }
            done = true;
        } finally {
            if (!done) {
                close();
            }
        }
    }

    Gpu gpu() {
        return gpu;
    }

    /** Where each weight lies. */
    long[] weights() {
        return weights;
    }

    synchronized long kernel(String name) {
        return kernels.computeIfAbsent(name, n -> gpu.kernel(code, n, 0));
    }

    @Override
    public void close() {
        while (!owned.isEmpty()) {
            Closing.one(owned.pop());
        }
    }
}
