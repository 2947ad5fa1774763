package dev.catena.runtime;

import dev.catena.artifact.ArtifactException;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.GraphDescription;
import java.nio.file.Path;
import java.util.List;

/**
 * A compiled graph of any operations, open: named tensors in, named tensors out.
 *
 * <pre>{@code
 * try (TensorModel model = TensorModel.open(Path.of("encoder.catena"));
 *         TensorSession session = model.newSession(2)) {
 *     Map<String, TensorValue> results = session.run(Map.of("input_ids", ids, "attention_mask", mask));
 * }
 * }</pre>
 *
 * <p>Any number of sessions can be open, each with threads and memory of its own. A model may be closed before its
 * sessions: they go on. As with {@link CatenaModel}, an artifact holds machine code: open files only from who you would
 * run a program from.
 */
public final class TensorModel implements AutoCloseable {
    private final GraphDescription description;
    private final LoadedGraph graph;

    private TensorModel(LoadedGraph graph) {
        description = graph.description();
        this.graph = graph;
    }

    /** Opens an artifact for {@code cpu:0}. */
    public static TensorModel open(Path file) {
        return open(file, "cpu:0");
    }

    /**
     * Opens an artifact and checks it.
     *
     * @param device that runs it, such as {@code cuda:0}
     * @throws dev.catena.artifact.ArtifactException when the file is missing, altered, foreign, or a language model's
     * @throws DeviceException                       when there is no such device, or it can't be used
     * @throws UnsupportedPlatformException          when none of its targets is for that device
     */
    public static TensorModel open(Path file, String device) {
        String canonical = Devices.canonical(device);
        try (ArtifactReader reader = ArtifactReader.open(file)) {
            if (!reader.isGraph()) {
                throw new ArtifactException(file, "is a language model, not a graph of tensors; use 'catena run'");
            }
            return new TensorModel(Devices.provider(canonical).graph(reader, canonical));
        }
    }

    /** What it takes, in the model's order; a dimension is a number, or a symbol such as {@code ?seq}. */
    public List<GraphDescription.Port> inputs() {
        return description.inputs();
    }

    /** What it gives, in the model's order. */
    public List<GraphDescription.Port> outputs() {
        return description.outputs();
    }

    /** @param threads that compute together, the caller's included */
    public TensorSession newSession(int threads) {
        return new TensorSession(graph, threads);
    }

    @Override
    public void close() {
        graph.close();
    }
}
