package dev.catena.runtime.gpu;

import dev.catena.artifact.Manifest;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Which stages' weights stay on a GPU and which pass through it at every step. The first stages stay, as many as there is
 * room for, and so does what several stages use; the time goes into what has to be brought.
 */
final class WeightPlacement {
    private final WeightStore store;
    private final WeightFile file;
    private final List<List<Manifest.Stage>> parts;
    private final Set<String> shared = new LinkedHashSet<>();

    /** @param parts the chains of stages on this GPU */
    WeightPlacement(ModelOnGpu model, List<List<Manifest.Stage>> parts) {
        this.store = model.weights();
        this.file = model.file();
        this.parts = parts;
        Set<String> seen = new HashSet<>();
        for (List<Manifest.Stage> part : parts) {
            for (Manifest.Stage stage : part) {
                entries(stage).stream().filter(entry -> !seen.add(entry)).forEach(shared::add);
            }
        }
    }

    static Set<String> entries(Manifest.Stage stage) {
        Set<String> entries = new LinkedHashSet<>();
        stage.weights().forEach(weight -> entries.add(weight.entry()));
        return entries;
    }

    /** Bytes to allocate when everything stays. */
    long allBytes() {
        Set<String> all = new LinkedHashSet<>();
        parts.forEach(part -> part.forEach(stage -> all.addAll(entries(stage))));
        return store.missingBytes(all);
    }

    /** The least that has to be allocated: everything passes through. */
    long leastBytes() {
        return bytes(0);
    }

    /** Entries of weights that have to pass through for the rest to take no more than {@code room} bytes. */
    Set<String> passing(long room) {
        int stay = parts.stream().mapToInt(List::size).sum();
        while (stay > 0 && bytes(stay) > room) {
            stay--;
        }
        Set<String> entries = new LinkedHashSet<>();
        int at = 0;
        for (List<Manifest.Stage> part : parts) {
            for (Manifest.Stage stage : part) {
                if (at++ >= stay) {
                    entries.addAll(ownEntries(stage));
                }
            }
        }
        return entries;
    }

    /** Bytes to allocate when the first {@code stay} stages stay. */
    private long bytes(int stay) {
        Set<String> resident = new LinkedHashSet<>(shared);
        long buffers = 0;
        int at = 0;
        for (List<Manifest.Stage> part : parts) {
            long largest = 0;
            for (Manifest.Stage stage : part) {
                if (at++ < stay) {
                    resident.addAll(entries(stage));
                } else {
                    largest = Math.max(largest, ownBytes(stage));
                }
            }
            buffers += WeightStream.BUFFERS * largest;
        }
        return store.missingBytes(resident) + buffers;
    }

    private long ownBytes(Manifest.Stage stage) {
        return WeightStream.bytes(file, ownEntries(stage));
    }

    private List<String> ownEntries(Manifest.Stage stage) {
        return entries(stage).stream().filter(entry -> !shared.contains(entry)).toList();
    }
}
