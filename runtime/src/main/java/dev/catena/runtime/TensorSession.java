package dev.catena.runtime;

import dev.catena.artifact.GraphDescription;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Runs a {@link TensorModel}, one call at a time, on threads and memory of its own. Thread-safe. */
public final class TensorSession implements AutoCloseable {
    private final LoadedGraph graph;
    private final TensorRunner runner;

    TensorSession(LoadedGraph graph, int threads) {
        this.graph = graph.retain();
        this.runner = graph.runner(threads);
    }

    /**
     * Computes all outputs.
     *
     * @param inputs each of the model's inputs by its name
     * @throws TensorException in one line, for inputs that are missing, unknown or of another type or shape, and for what a
     *     node finds wrong while it runs: a shape, an index out of range, a division by zero, not enough memory
     */
    public synchronized Map<String, TensorValue> run(Map<String, TensorValue> inputs) {
        GraphDescription description = graph.description();
        for (String name : inputs.keySet()) {
            if (description.inputs().stream().noneMatch(port -> port.name().equals(name))) {
                throw new TensorException("there is no input '" + name + "'; the model takes " + names(description.inputs()));
            }
        }
        List<TensorValue> given = new ArrayList<>();
        for (GraphDescription.Port port : description.inputs()) {
            TensorValue value = inputs.get(port.name());
            if (value == null) {
                throw new TensorException("input '" + port.name() + "' (" + port.text() + ") is missing");
            }
            given.add(value);
        }
        List<TensorValue> results = runner.run(given);
        Map<String, TensorValue> named = new LinkedHashMap<>();
        for (int i = 0; i < results.size(); i++) {
            named.put(description.outputs().get(i).name(), results.get(i));
        }
        return named;
    }

    private static String names(List<GraphDescription.Port> ports) {
        return String.join(", ", ports.stream().map(GraphDescription.Port::name).toList());
    }

    @Override
    public synchronized void close() {
        runner.close();
        graph.close();
    }
}
