package dev.catena.runtime.gpu;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.GraphDescription;
import dev.catena.artifact.GraphProgram;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.Holders;
import dev.catena.runtime.LoadedGraph;
import dev.catena.runtime.TensorRunner;
import java.util.List;
import java.util.function.IntFunction;

/** A graph of tensors for one GPU, which is opened when the graph first runs. */
public final class GpuGraph implements LoadedGraph {
    private final GraphDescription description;
    private final GraphProgram program;
    private final IntFunction<GraphOnGpu> opening;
    private final Runnable unopened;
    private GraphOnGpu opened;
    private final Holders holders = new Holders();

    private GpuGraph(GraphDescription description, GraphProgram program, IntFunction<GraphOnGpu> opening, Runnable unopened) {
        this.description = description;
        this.program = program;
        this.opening = opening;
        this.unopened = unopened;
    }

    /** The graph of an artifact, with the code that fits a GPU best; the reader may then be closed. */
    public static GpuGraph of(ArtifactReader reader, GpuDriver driver, int ordinal) {
        GraphDescription description = reader.graph();
        GpuDriver.Code chosen = driver.choose(reader, ordinal);
        GraphProgram program = reader.graphProgram();
        byte[] code = reader.bytes(chosen.entry());
        WeightFile file = new WeightFile(reader);
        List<String> entries = description.weights().stream().map(Manifest.Weight::entry).toList();
        return new GpuGraph(description, program, threads -> new GraphOnGpu(driver.open(ordinal, chosen.target().name(), threads), code,
                reader.path() + ": " + chosen.entry(), entries, file), file::close);
    }

    /**
     * A graph outside any artifact.
     *
     * @param code    loaded kernels, shared with other graphs; the caller unloads it after them
     * @param weights the bytes of each weight
     */
    public static GpuGraph of(GraphDescription description, GraphProgram program, Gpu gpu, long code, List<byte[]> weights) {
        return new GpuGraph(description, program, threads -> new GraphOnGpu(gpu, code, weights), () -> {});
    }

    @Override
    public GraphDescription description() {
        return description;
    }

    @Override
    public synchronized TensorRunner runner(int threads) {
        if (opened == null) {
            opened = opening.apply(threads);
            unopened.run();
        }
        return new GpuGraphRunner(description, program, opened);
    }

    @Override
    public GpuGraph retain() {
        holders.add();
        return this;
    }

    @Override
    public synchronized void close() {
        if (!holders.remove()) {
            return;
        }
        if (opened != null) {
            opened.close();
        } else {
            unopened.run();
        }
    }
}
