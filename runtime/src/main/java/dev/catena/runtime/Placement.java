package dev.catena.runtime;

import dev.catena.artifact.Manifest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.ToLongFunction;

/** Which stages go to which of several devices: contiguous runs of about equal weight bytes, none empty if that can be. */
final class Placement {
    private Placement() {}

    /** @return one list of stages for each device; with more devices than stages, the last ones are missing */
    static List<List<Manifest.Stage>> split(List<Manifest.Stage> stages, int devices) {
        return split(stages, Collections.nCopies(devices, 1.0), Placement::bytes);
    }

    /**
     * Places stages so that each device takes about as long for its own: by the bytes that a step reads, of a table next to none, over
     * what the device reads in a second.
     *
     * @param speeds of the devices, in any one unit
     * @return as {@link #split}
     */
    static List<List<Manifest.Stage>> bySpeed(List<Manifest.Stage> stages, List<Double> speeds) {
        return split(stages, speeds, stage -> stage.role().equals("embed") ? 0 : bytes(stage));
    }

    private static List<List<Manifest.Stage>> split(List<Manifest.Stage> stages, List<Double> speeds, ToLongFunction<Manifest.Stage> bytes) {
        int parts = Math.min(speeds.size(), stages.size());
        double allSpeeds = speeds.subList(0, parts).stream().mapToDouble(Double::doubleValue).sum();
        double speedsSoFar = 0;
        long total = stages.stream().mapToLong(bytes).sum();
        List<List<Manifest.Stage>> placed = new ArrayList<>();
        int next = 0;
        long before = 0;
        for (int part = 0; part < parts; part++) {
            int partsAfter = parts - part - 1;
            speedsSoFar += speeds.get(part);
            int start = next;
            // A stage belongs to the part in which its middle lies.
            while (next < stages.size() - partsAfter && (next == start || partsAfter == 0
                    || (before + bytes.applyAsLong(stages.get(next)) / 2.0) * allSpeeds <= total * speedsSoFar)) {
                before += bytes.applyAsLong(stages.get(next++));
            }
            placed.add(stages.subList(start, next));
        }
        return placed;
    }

    /**
     * Places as many decoder stages on each device as {@code layers} says. What comes before the first belongs to the first
     * device, what follows a decoder to the decoder's.
     *
     * @throws DeviceException when the numbers don't fit the model or the devices
     */
    static List<List<Manifest.Stage>> byLayers(List<Manifest.Stage> stages, int devices, List<Integer> layers) {
        long decoders = stages.stream().filter(Placement::isDecoder).count();
        long wanted = layers.stream().mapToLong(Integer::longValue).sum();
        if (layers.size() != devices || wanted != decoders || layers.stream().anyMatch(count -> count < 1)) {
            throw new DeviceException("a split into " + layers + " layers doesn't fit " + devices + " devices and a model of "
                    + decoders + " layers: name at least one layer for each device, " + decoders + " in all");
        }
        List<List<Manifest.Stage>> placed = new ArrayList<>();
        int next = 0;
        for (int part = 0; part < devices; part++) {
            int start = next;
            int left = layers.get(part);
            while (next < stages.size() && (left > 0 || !isDecoder(stages.get(next)))) {
                left -= isDecoder(stages.get(next++)) ? 1 : 0;
            }
            placed.add(stages.subList(start, next));
        }
        return placed;
    }

    private static boolean isDecoder(Manifest.Stage stage) {
        return stage.role().equals("decoder");
    }

    private static long bytes(Manifest.Stage stage) {
        return stage.weights().stream().mapToLong(Manifest.Weight::bytes).sum();
    }
}
