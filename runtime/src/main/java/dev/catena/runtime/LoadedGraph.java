package dev.catena.runtime;

import dev.catena.artifact.GraphDescription;

/**
 * A graph of tensors with its code and weights, loaded for one device and shared by its runners; it goes when the last of
 * those who {@link #retain}ed it has closed it. Thread-safe.
 */
public interface LoadedGraph extends AutoCloseable {
    GraphDescription description();

    /**
     * Memory of its own to run in.
     *
     * @param threads of the host that it may use
     */
    TensorRunner runner(int threads);

    /** Shares it once more. */
    LoadedGraph retain();

    /** Gives up one share. */
    @Override
    void close();
}
