package dev.catena.artifact;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What {@code graph.json} says of an artifact that is no language model but a graph of tensors (docs/artifact-format.md).
 *
 * @param symbols    by target of a CPU: the function in its library
 * @param weights    by their numbers in the code
 * @param operations by their numbers in the code: where each came from, for messages
 */
public record GraphDescription(List<Port> inputs, List<Port> outputs, Map<String, String> symbols, List<Manifest.Weight> weights,
        List<String> operations) {
    /** The entry's name. */
    public static final String ENTRY = "graph.json";

    /** The dimensions of an input that may have any. */
    public static final List<String> ANY = List.of("?*");

    /** A tensor's rank has to end somewhere. */
    private static final int MOST_DIMS = 256;

    public GraphDescription {
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
        symbols = Collections.unmodifiableMap(new LinkedHashMap<>(symbols));   // keeps the order, which is part of the bytes
        weights = List.copyOf(weights);
        operations = List.copyOf(operations);
        symbols.values().forEach(symbol -> {
            if (!symbol.matches("[A-Za-z_][A-Za-z0-9_]{0,255}")) {
                throw new IllegalArgumentException("symbol '" + symbol + "' is not a C identifier");
            }
        });
    }

    /**
     * A tensor in or out.
     *
     * @param type element type, such as {@code f32}
     * @param dims numbers, or symbols that start with a question mark, or {@link #ANY}
     */
    public record Port(String name, String type, List<String> dims) {
        public Port {
            dims = List.copyOf(dims);
            if (!type.matches("[a-z][a-z0-9]{0,31}")) {
                throw new IllegalArgumentException("'" + type + "' is no element type");
            }
            if (dims.size() > MOST_DIMS) {
                throw new IllegalArgumentException("tensor '" + name + "' has " + dims.size() + " dimensions");
            }
            for (String dim : dims) {
                if (!dim.matches("\\d{1,18}") && !dim.startsWith("?")) {
                    throw new IllegalArgumentException("'" + dim + "' is no dimension of tensor '" + name + "'");
                }
            }
        }

        /** The type and dimensions, such as {@code i64[?batch, ?seq]}. */
        public String text() {
            return type + dims.stream().collect(Collectors.joining(", ", "[", "]"));
        }
    }
}
