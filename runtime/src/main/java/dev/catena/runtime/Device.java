package dev.catena.runtime;

import dev.catena.artifact.Manifest;
import java.util.List;

/**
 * What runs stages. A device belongs to one model in one session: it has memory and threads of its own, and shares only
 * weights and code, which nobody writes, with other sessions of that model. Not thread-safe; {@link StageChain} keeps the
 * order.
 */
public interface Device extends AutoCloseable {
    /** Such as {@code cpu:0}. */
    String name();

    /**
     * Says what will be asked of the device, before anything is taken: whether it fits is known here.
     *
     * @param parts    the stages of each chain to come
     * @param pages    cache pages of each stage, page 0 included
     * @param liveRows the largest number of selected rows in a step
     * @param limit    bytes of the device's memory that may be taken, 0 = all that are free
     * @throws DeviceException when there isn't enough memory
     */
    default void plan(List<List<Manifest.Stage>> parts, Step step, int pages, int liveRows, long limit) {}

    /**
     * How many cache pages are {@code share} of the memory that weights and activations leave.
     *
     * @return 0 when the device doesn't say: its memory is the host's
     * @throws DeviceException when that isn't a page
     */
    default int pagesInShare(List<List<Manifest.Stage>> parts, Step step, int liveRows, long limit, double share) {
        return 0;
    }

    /**
     * Prepares neighbouring stages to run as one: takes the memory for activations and cache pages, and joins each
     * stage's output to the next one's input.
     *
     * @param stages   in the order in which they run
     * @param step     holds the values of each step, for as long as the chain lives
     * @param pages    cache pages of each stage, page 0 included
     * @param liveRows the largest number of selected rows in a step
     * @throws DeviceException when there isn't enough memory
     */
    DeviceChain chain(List<Manifest.Stage> stages, Step step, int pages, int liveRows);

    /** Ends its threads and gives back its memory. Chains must be closed before. */
    @Override
    void close();
}
