package dev.catena.runtime.gpu;

import dev.catena.artifact.Manifest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Weights of stages that don't fit on a GPU: at each step they pass through two buffers there, one of which is filled
 * while the stage before computes from the other.
 */
final class WeightStream implements AutoCloseable {
    static final int BUFFERS = 2;

    private final Gpu gpu;
    private final WeightUpload upload;
    private final GpuMemory buffers;
    private final long[] filled = new long[BUFFERS];
    private final long[] used = new long[BUFFERS];
    /** Where each entry goes, by the streamed stage. */
    private final List<Map<String, Long>> places = new ArrayList<>();

    /**
     * @param stages  with weights that pass through, in their order
     * @param passing entries of these weights
     */
    WeightStream(ModelOnGpu model, List<Manifest.Stage> stages, Set<String> passing) {
        gpu = model.gpu();
        WeightFile file = model.file();
        List<List<String>> entries = stages.stream().map(stage -> WeightPlacement.entries(stage).stream()
                .filter(passing::contains).toList()).toList();
        long bytes = entries.stream().mapToLong(list -> bytes(file, list)).max().orElse(0);
        long largest = entries.stream().flatMap(List::stream).mapToLong(file::length).max().orElse(0);
        upload = new WeightUpload(gpu, file, largest);
        boolean allocated = false;
        try {
            buffers = gpu.allocate(List.of(new Region("weights that pass through", bytes, true),
                    new Region("weights that pass through", bytes, true)));
            allocated = true;
        } finally {
            if (!allocated) {
                upload.close();
            }
        }
        for (int i = 0; i < BUFFERS; i++) {
            filled[i] = gpu.newEvent();
            used[i] = gpu.newEvent();
        }
        for (int i = 0; i < stages.size(); i++) {
            Map<String, Long> ofStage = new LinkedHashMap<>();
            long next = buffers.address(i % BUFFERS);
            for (String entry : entries.get(i)) {
                ofStage.put(entry, next);
                next += new Region(entry, file.length(entry), true).roomBytes();
            }
            places.add(ofStage);
        }
    }

    /** Bytes that these entries take one behind the other. */
    static long bytes(WeightFile file, List<String> entries) {
        return entries.stream().mapToLong(entry -> new Region(entry, file.length(entry), true).roomBytes()).sum();
    }

    /** Where a weight of the {@code index}-th streamed stage lies while it runs, or null if it stays on the GPU. */
    Long address(int index, String entry) {
        return places.get(index).get(entry);
    }

    /** Brings the weights of a stage, after the stage that used their buffer last; {@code stream} waits for them. */
    void bring(int index, long stream) {
        int buffer = index % BUFFERS;
        gpu.await(upload.stream(), used[buffer]);
        places.get(index).forEach(upload::add);
        upload.flush();
        gpu.record(filled[buffer], upload.stream());
        gpu.await(stream, filled[buffer]);
    }

    /** What is in {@code stream} so far has used the stage's weights. */
    void used(int index, long stream) {
        gpu.record(used[index % BUFFERS], stream);
    }

    @Override
    public void close() {
        upload.close();
        for (int i = 0; i < BUFFERS; i++) {
            long ofFilled = filled[i];
            long ofUsed = used[i];
            Closing.all(() -> gpu.closeEvent(ofFilled), () -> gpu.closeEvent(ofUsed));
        }
        Closing.all(buffers::close);
    }
}
