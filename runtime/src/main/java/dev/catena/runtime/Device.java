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
