package dev.catena.runtime.gpu;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * What a GPU's memory and its launches cost, measured: what the share of bandwidth that kernels reach is reckoned against.
 *
 * @param description           the maker's name for the card
 * @param readBytesPerSecond    of a kernel that reads 128 bits a lane
 * @param copyBytesPerSecond    read and written together, of a kernel that copies so
 * @param streamLaunchSeconds   from one empty kernel to the next, launched one by one
 * @param graphLaunchSeconds    the same within a graph
 * @param dependentLaunchSeconds the same in a graph whose launches may begin early; NaN where they can't
 * @param smallestSeconds       from the host's launch of one empty kernel to its knowing that this has ended
 * @param attributes            what the driver says of it
 */
public record GpuMeasurement(String description, int capability, int multiprocessors, double readBytesPerSecond, double copyBytesPerSecond,
        double streamLaunchSeconds, double graphLaunchSeconds, double dependentLaunchSeconds, double smallestSeconds, Map<String, Long> attributes) {

    private static final int THREADS = 256;
    private static final int BLOCKS_OF_MULTIPROCESSOR = 8;
    private static final int LAUNCHES = 400;
    private static final int REPETITIONS = 5;

    /**
     * Measures.
     *
     * @param bytes to read and to copy: more than any cache holds, a multiple of 16
     */
    static GpuMeasurement of(Gpu gpu, long bytes) {
        long code = gpu.load(kernels(), "probe.ptx");
        int blocks = gpu.facts().multiprocessors() * BLOCKS_OF_MULTIPROCESSOR;
        List<Region> regions = List.of(Region.of("source", bytes), Region.of("target", bytes), Region.of("count", 8),
                Region.of("sums", 16L * blocks * THREADS));
        long stream = gpu.newStream();
        try (GpuMemory memory = gpu.allocate(regions); PinnedMemory count = gpu.pin(8)) {
            count.bytes().putLong(0, bytes / 16);
            gpu.copyIn(stream, memory.address(2), count, 0, 8);
            gpu.zero(stream, memory.address(0), bytes);
            KernelLaunch read = launch(gpu, code, "read_all", blocks, memory.address(0), memory.address(2), memory.address(3));
            KernelLaunch copy = launch(gpu, code, "copy_all", blocks, memory.address(0), memory.address(2), memory.address(1));
            KernelLaunch nothing = launch(gpu, code, "nothing", 1, memory.address(2));
            double reading = median(gpu, stream, () -> gpu.launch(stream, read));
            double copying = median(gpu, stream, () -> gpu.launch(stream, copy));
            double launches = median(gpu, stream, () -> {
                for (int i = 0; i < LAUNCHES; i++) {
                    gpu.launch(stream, nothing);
                }
            });
            double smallest = median(gpu, stream, () -> gpu.launch(stream, nothing));
            return new GpuMeasurement(gpu.facts().description(), gpu.facts().capability(), gpu.facts().multiprocessors(), bytes / reading,
                    2 * bytes / copying, launches / LAUNCHES, inGraph(gpu, stream, nothing, false), Double.NaN,
                    smallest, gpu.attributes());
        } finally {
            Closing.all(() -> gpu.closeStream(stream), () -> gpu.unload(code));
        }
    }

    /** The same with what launches take that may begin early, where the GPU and its driver can. */
    GpuMeasurement withDependentLaunches(Gpu gpu) {
        if (!gpu.overlapsLaunches()) {
            return this;
        }
        long code = gpu.load(kernels(), "probe.ptx");
        long stream = gpu.newStream();
        try (GpuMemory memory = gpu.allocate(List.of(Region.of("count", 8)))) {
            double seconds = inGraph(gpu, stream, launch(gpu, code, "nothing", 1, memory.address(0)), true);
            return new GpuMeasurement(description, capability, multiprocessors, readBytesPerSecond, copyBytesPerSecond, streamLaunchSeconds,
                    graphLaunchSeconds, seconds, smallestSeconds, attributes);
        } finally {
            Closing.all(() -> gpu.closeStream(stream), () -> gpu.unload(code));
        }
    }

    private static KernelLaunch launch(Gpu gpu, long code, String name, int blocks, long... pointers) {
        return new KernelLaunch(name, gpu.kernel(code, name, 0), new int[] {blocks, 1, 1}, new int[] {THREADS, 1, 1}, 0, pointers,
                new long[0]);
    }

    /** Seconds of a launch in a graph: what more of them take. */
    private static double inGraph(Gpu gpu, long stream, KernelLaunch launch, boolean dependent) {
        return (graph(gpu, stream, launch, LAUNCHES, dependent) - graph(gpu, stream, launch, LAUNCHES / 2, dependent)) / (LAUNCHES - LAUNCHES / 2);
    }

    /** Seconds of a graph of so many launches. */
    private static double graph(Gpu gpu, long stream, KernelLaunch launch, int count, boolean dependent) {
        long graph = gpu.instantiate(Collections.nCopies(count, launch), dependent);
        double seconds = median(gpu, stream, () -> gpu.launchGraph(stream, graph));
        gpu.closeGraph(graph);
        return seconds;
    }

    private static double median(Gpu gpu, long stream, Runnable work) {
        double[] seconds = new double[REPETITIONS];
        for (int i = -1; i < REPETITIONS; i++) {      // the first warms up
            gpu.synchronize(stream);
            long start = System.nanoTime();
            work.run();
            gpu.synchronize(stream);
            if (i >= 0) {
                seconds[i] = (System.nanoTime() - start) / 1e9;
            }
        }
        Arrays.sort(seconds);
        return seconds[REPETITIONS / 2];
    }

    /** PTX made by NVRTC from probe.cu, which lies beside it. */
    private static byte[] kernels() {
        try (InputStream in = GpuMeasurement.class.getResourceAsStream("probe.ptx")) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw new IllegalStateException("probe.ptx in the runtime's jar can't be read", e);
        }
    }
}
