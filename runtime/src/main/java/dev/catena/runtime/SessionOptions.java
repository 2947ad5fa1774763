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
 */
public record SessionOptions(List<String> devices, int threads, int maxSequenceLength, int kvCapacity) {
    private static final int MAX_THREADS = 1024;
    private static final int MAX_DEVICES = 64;

    public SessionOptions {
        devices = List.copyOf(devices);
        if (devices.isEmpty() || devices.size() > MAX_DEVICES) {
            throw new DeviceException(devices.size() + " devices were named, expected 1 to " + MAX_DEVICES);
        }
        if (threads < 0 || threads > MAX_THREADS) {
            throw new DeviceException(threads + " threads were asked for, expected 1 to " + MAX_THREADS);
        }
        if (maxSequenceLength < 0 || kvCapacity < 0) {
            throw new IllegalArgumentException("a negative length");
        }
    }

    /** Everything on {@code cpu:0}, all physical cores, the model's full context. */
    public static SessionOptions defaults() {
        return new SessionOptions(List.of("cpu:0"), 0, 0, 0);
    }

    public SessionOptions withDevices(List<String> names) {
        return new SessionOptions(names, threads, maxSequenceLength, kvCapacity);
    }

    public SessionOptions withThreads(int count) {
        return new SessionOptions(devices, count, maxSequenceLength, kvCapacity);
    }

    public SessionOptions withMaxSequenceLength(int positions) {
        return new SessionOptions(devices, threads, positions, kvCapacity);
    }

    public SessionOptions withKvCapacity(int positions) {
        return new SessionOptions(devices, threads, maxSequenceLength, positions);
    }
}
