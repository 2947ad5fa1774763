package dev.catena.runtime.gpu;

import java.util.List;
import java.util.Map;

/**
 * One GPU, open: the few calls of a driver that everything else is built on. Handles of streams, events, code, kernels and
 * graphs are the driver's; each is given back once. Work that is put into one stream runs in order, streams run beside
 * each other, and events order them. All methods may be called by any thread; the order within a stream is the caller's
 * business.
 *
 * <p>Every method may throw {@link dev.catena.runtime.DeviceLostException}, also for work that was put into a stream before.
 */
public interface Gpu extends AutoCloseable {
    /** Such as {@code cuda:0}. */
    String name();

    GpuFacts facts();

    /** What else its driver says of it, by name; nothing where it isn't a card. */
    default Map<String, Long> attributes() {
        return Map.of();
    }

    /** Bytes that can still be allocated. */
    long freeBytes();

    /**
     * Takes memory for these regions, one behind the other as {@link Region#offsets} says unless it {@link #isolatesRegions}.
     *
     * @throws dev.catena.runtime.DeviceException when there isn't enough
     */
    GpuMemory allocate(List<Region> regions);

    /** Whether each region lies on its own, so that a copy must not reach from one into the next. */
    boolean isolatesRegions();

    /** @throws dev.catena.runtime.DeviceException when there isn't enough */
    PinnedMemory pin(int bytes);

    /**
     * Loads kernels.
     *
     * @param code a cubin or PTX
     * @param what it is called in messages
     */
    long load(byte[] code, String what);

    void unload(long code);

    /** A kernel, ready to be launched with so much dynamic shared memory. */
    long kernel(long code, String name, int sharedBytes);

    long newStream();

    void closeStream(long stream);

    long newEvent();

    void closeEvent(long event);

    /** The event now stands for what is in the stream so far. */
    void record(long event, long stream);

    /** What comes into the stream from now on waits for the event. */
    void await(long stream, long event);

    /** Returns when the event happened; at once if it was never recorded. */
    void synchronizeEvent(long event);

    /** Returns when the stream is empty. */
    void synchronize(long stream);

    void copyIn(long stream, long to, PinnedMemory from, long offset, long bytes);

    void copyOut(long stream, PinnedMemory to, long offset, long from, long bytes);

    /** Within this GPU; the ranges don't overlap. */
    void copy(long stream, long to, long from, long bytes);

    /** From another GPU of the same driver, directly where the machine can. */
    void copyFrom(long stream, long to, Gpu other, long from, long bytes);

    void zero(long stream, long address, long bytes);

    /** The region that starts here holds nothing any more; only a device that checks cares. */
    default void forget(long stream, long address) {}

    void launch(long stream, KernelLaunch launch);

    /**
     * Makes one graph of launches, each of which waits for the one before.
     *
     * @param dependent whether the kernels do that waiting themselves, so that a launch may begin, where the driver can let it, once all
     *                  blocks of the one before have begun
     */
    long instantiate(List<KernelLaunch> launches, boolean dependent);

    void launchGraph(long stream, long graph);

    void closeGraph(long graph);

    /** Instructions that lanes have executed here so far, where that is what stands for time; −1 where a clock does. */
    default long laneInstructions() {
        return -1;
    }

    /** Whether launches in a graph may begin before the ones in front of them have ended, where their kernels wait themselves. */
    default boolean overlapsLaunches() {
        return false;
    }

    /** Gives it back; all that was taken from it must have been given back, and nothing may be running. */
    @Override
    void close();
}
