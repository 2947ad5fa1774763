package dev.catena.runtime;

import dev.catena.artifact.Manifest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Which stages go to which of several devices: contiguous runs of about equal weight bytes or measured time, none empty if that can be. */
final class Placement {
    private Placement() {}

    /** As the options say. @return one list of stages for each device; with more devices than stages, the last ones are missing */
    static List<List<Manifest.Stage>> of(List<Manifest.Stage> stages, SessionOptions options) {
        return !options.stageCosts().isEmpty() ? byCosts(stages, options.stageCosts())
                : options.split().isEmpty() ? split(stages, options.devices().size())
                : byLayers(stages, options.devices().size(), options.split());
    }

    /** By weight bytes. @return one list of stages for each device; with more devices than stages, the last ones are missing */
    static List<List<Manifest.Stage>> split(List<Manifest.Stage> stages, int devices) {
        int parts = Math.min(devices, stages.size());
        long total = stages.stream().mapToLong(Placement::bytes).sum();
        List<List<Manifest.Stage>> placed = new ArrayList<>();
        int next = 0;
        long before = 0;
        for (int part = 0; part < parts; part++) {
            int partsAfter = parts - part - 1;
            int start = next;
            // A stage belongs to the part in which its middle lies.
            while (next < stages.size() - partsAfter && (next == start || partsAfter == 0
                    || (before + bytes(stages.get(next)) / 2.0) * parts <= (double) total * (part + 1))) {
                before += bytes(stages.get(next++));
            }
            placed.add(stages.subList(start, next));
        }
        return placed;
    }

    /**
     * Places stages so that the slowest device takes as little for its own as can be.
     *
     * @param costs of each stage on each device, device by device, in any one unit
     * @return as {@link #split}
     */
    static List<List<Manifest.Stage>> byCosts(List<Manifest.Stage> stages, List<List<Double>> costs) {
        int count = stages.size();
        int parts = Math.min(costs.size(), count);
        if (costs.stream().anyMatch(ofDevice -> ofDevice.size() != count)) {
            throw new IllegalArgumentException("costs of " + costs.get(0).size() + " stages for a model of " + count);
        }
        // slowest[p][n]: what the slowest of the first p devices takes at least for the first n stages; start[p][n]: its last one's first stage.
        double[][] slowest = new double[parts + 1][count + 1];
        int[][] start = new int[parts + 1][count + 1];
        for (double[] row : slowest) {
            Arrays.fill(row, Double.POSITIVE_INFINITY);
        }
        slowest[0][0] = 0;
        for (int part = 1; part <= parts; part++) {
            List<Double> ofDevice = costs.get(part - 1);
            for (int end = part; end <= count; end++) {
                double own = 0;
                for (int first = end - 1; first >= part - 1; first--) {
                    own += ofDevice.get(first);
                    double all = Math.max(slowest[part - 1][first], own);
                    if (all < slowest[part][end]) {
                        slowest[part][end] = all;
                        start[part][end] = first;
                    }
                }
            }
        }
        List<List<Manifest.Stage>> placed = new ArrayList<>();
        for (int part = parts, end = count; part > 0; end = start[part--][end]) {
            placed.add(0, stages.subList(start[part][end], end));
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
