package dev.catena.runtime;

import java.util.List;

/** Runs a graph of tensors. Not thread-safe. */
public interface TensorRunner extends AutoCloseable {
    /**
     * Computes all outputs.
     *
     * @param inputs in the graph's order
     * @throws TensorException for inputs that don't fit, and for what the graph finds wrong
     */
    List<TensorValue> run(List<TensorValue> inputs);

    @Override
    void close();
}
