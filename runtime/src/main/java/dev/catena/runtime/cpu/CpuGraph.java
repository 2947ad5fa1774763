package dev.catena.runtime.cpu;

import dev.catena.artifact.ArtifactException;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.GraphDescription;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.Holders;
import dev.catena.runtime.LoadedGraph;
import java.util.ArrayList;
import java.util.List;

/**
 * The code and weights of a graph of tensors, shared by its runners; it goes when the last of those who
 * {@link #retain}ed it has closed it. Thread-safe.
 */
public final class CpuGraph implements LoadedGraph {
    private final GraphDescription description;
    private final CodeLibrary code;
    private final long function;
    private final List<AutoCloseable> memory;
    private final List<Long> weights;
    private final Holders holders = new Holders();

    private CpuGraph(GraphDescription description, CodeLibrary code, long function, List<AutoCloseable> memory, List<Long> weights) {
        this.description = description;
        this.code = code;
        this.function = function;
        this.memory = memory;
        this.weights = weights;
    }

    /** The graph of an artifact, for the best of its targets that this machine can run; the reader may then be closed. */
    public static CpuGraph of(ArtifactReader reader, GraphDescription description) {
        Manifest.Target target = CpuModel.choose(reader, CpuFeatures.ofThisMachine());
        MappedFile file = new MappedFile(reader);
        CodeLibrary library = null;
        try {
            List<Long> addresses = new ArrayList<>();
            for (Manifest.Weight weight : description.weights()) {
                addresses.add(file.address(reader.offset(weight.entry()), weight.bytes()));
            }
            library = new CodeLibrary(reader.bytes(target.library()));
            String symbol = description.symbols().get(target.name());
            long function = library.symbol(symbol);
            if (function == 0) {
                throw new ArtifactException(reader.path(), target.library() + " lacks the function " + symbol);
            }
            return new CpuGraph(description, library, function, List.of(file), addresses);
        } catch (RuntimeException e) {
            if (library != null) {
                library.close();
            }
            file.close();
            throw e;
        }
    }

    /**
     * A graph outside any artifact.
     *
     * @param library shared with other graphs; the caller closes it after them
     * @param weights the bytes of each weight
     */
    public static CpuGraph of(GraphDescription description, GraphLibrary library, String symbol, List<byte[]> weights) {
        List<AutoCloseable> memory = new ArrayList<>();
        List<Long> addresses = new ArrayList<>();
        for (byte[] bytes : weights) {
            NativeMemory copy = new NativeMemory("weights", bytes.length + 64L);
            memory.add(copy);
            copy.view(0, bytes.length).put(bytes);
            addresses.add(copy.address());
        }
        return new CpuGraph(description, null, library.function(symbol), memory, addresses);
    }

    @Override
    public GraphDescription description() {
        return description;
    }

    long function() {
        return function;
    }

    List<Long> weights() {
        return weights;
    }

    @Override
    public GraphRunner runner(int threads) {
        return new GraphRunner(this, threads);
    }

    @Override
    public CpuGraph retain() {
        holders.add();
        return this;
    }

    @Override
    public void close() {
        if (!holders.remove()) {
            return;
        }
        if (code != null) {
            code.close();
        }
        for (AutoCloseable each : memory) {
            try {
                each.close();
            } catch (Exception e) {
                throw new IllegalStateException(e);   // neither memory nor a mapping fails to close
            }
        }
    }
}
