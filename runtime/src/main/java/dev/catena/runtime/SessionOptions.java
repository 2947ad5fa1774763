package dev.catena.runtime;

import java.util.List;

/**
 * How a session is set up. {@link #defaults} and the {@code with…} methods make one; immutable.
 *
 * @param devices           where the stages run, split contiguously by weight bytes, such as {@code ["cpu:0", "cpu:1"]}; a
 *                          device may be named more than once
 * @param threads           threads over all cpu devices, the calling one included; 0 = physical cores
 * @param maxSequenceLength positions the session may reach; 0 = the model's maximum
 * @param kvCapacity        positions that the session and its forks may hold together, shared ones counted once and each
 *                          sequence rounded up to 64; 0 = {@code maxSequenceLength}
 * @param deviceMemory      bytes that may be taken of each GPU, 0 = all that are free; where the weights don't fit they are
 *                          streamed through at every step
 * @param cacheShare        the part of what weights and activations leave of the GPUs' memory that the KV cache takes, in
 *                          place of {@code kvCapacity}; 0 = as {@code kvCapacity} says
 * @param split             decoder layers of each device, in their order; none = as many as make equal weight bytes
 * @param stageCosts        what each stage takes on each device ({@link CatenaModel#stageCosts}), device by device in their order and in any
 *                          unit: stages are split so that the slowest device takes as little as can be, in place of {@code split};
 *                          none = not known
 */
public record SessionOptions(List<String> devices, int threads, int maxSequenceLength, int kvCapacity, long deviceMemory,
        double cacheShare, List<Integer> split, List<List<Double>> stageCosts) {
    private static final int MAX_THREADS = 1024;
    private static final int MAX_DEVICES = 64;

    public SessionOptions {
        devices = List.copyOf(devices);
        split = List.copyOf(split);
        stageCosts = stageCosts.stream().map(List::copyOf).toList();
        if (!stageCosts.isEmpty() && (stageCosts.size() != devices.size()
                || stageCosts.stream().flatMap(List::stream).anyMatch(cost -> !(cost >= 0 && cost < 1e30)))) {
            throw new IllegalArgumentException("costs on " + devices + ": " + stageCosts);
        }
        if (devices.isEmpty() || devices.size() > MAX_DEVICES) {
            throw new DeviceException(devices.size() + " devices were named, expected 1 to " + MAX_DEVICES);
        }
        if (threads < 0 || threads > MAX_THREADS) {
            throw new DeviceException(threads + " threads were asked for, expected 1 to " + MAX_THREADS);
        }
        if (maxSequenceLength < 0 || kvCapacity < 0) {
            throw new IllegalArgumentException("a negative length");
        }
        if (deviceMemory < 0 || !(cacheShare >= 0 && cacheShare <= 1)) {
            throw new IllegalArgumentException(deviceMemory + " bytes, a share of " + cacheShare);
        }
    }

    /** Everything on {@code cpu:0}, all physical cores, the model's full context. */
    public static SessionOptions defaults() {
        return new SessionOptions(List.of("cpu:0"), 0, 0, 0, 0, 0, List.of(), List.of());
    }

    public SessionOptions withDevices(List<String> names) {
        return new SessionOptions(names, threads, maxSequenceLength, kvCapacity, deviceMemory, cacheShare, split, stageCosts);
    }

    public SessionOptions withThreads(int count) {
        return new SessionOptions(devices, count, maxSequenceLength, kvCapacity, deviceMemory, cacheShare, split, stageCosts);
    }

    public SessionOptions withMaxSequenceLength(int positions) {
        return new SessionOptions(devices, threads, positions, kvCapacity, deviceMemory, cacheShare, split, stageCosts);
    }

    public SessionOptions withKvCapacity(int positions) {
        return new SessionOptions(devices, threads, maxSequenceLength, positions, deviceMemory, cacheShare, split, stageCosts);
    }

    public SessionOptions withDeviceMemory(long bytes) {
        return new SessionOptions(devices, threads, maxSequenceLength, kvCapacity, bytes, cacheShare, split, stageCosts);
    }

    public SessionOptions withCacheShare(double share) {
        return new SessionOptions(devices, threads, maxSequenceLength, kvCapacity, deviceMemory, share, split, stageCosts);
    }

    public SessionOptions withSplit(List<Integer> layers) {
        return new SessionOptions(devices, threads, maxSequenceLength, kvCapacity, deviceMemory, cacheShare, layers, stageCosts);
    }

    public SessionOptions withStageCosts(List<List<Double>> ofDevices) {
        return new SessionOptions(devices, threads, maxSequenceLength, kvCapacity, deviceMemory, cacheShare, split, ofDevices);
    }
}
