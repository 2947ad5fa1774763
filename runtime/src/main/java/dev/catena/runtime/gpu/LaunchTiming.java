package dev.catena.runtime.gpu;

import dev.catena.runtime.LaunchCost;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Times the kernels of a step one by one: the launches of one kernel by all stages that have it, each with weights of its own, make a
 * graph, so that no cache holds what the next one reads.
 */
final class LaunchTiming {
    private static final int LEAST_LAUNCHES = 64;
    private static final int REPETITIONS = 5;

    private final Gpu gpu;
    private final long stream;

    LaunchTiming(Gpu gpu, long stream) {
        this.gpu = gpu;
        this.stream = stream;
    }

    /** @param programs of the stages; those that launch the same kernels are timed together */
    List<LaunchCost> of(List<BoundProgram> programs, int rows) {
        Map<List<String>, List<KernelLaunch[]>> alike = new LinkedHashMap<>();
        for (BoundProgram program : programs) {
            KernelLaunch[] launches = program.launches(rows);
            alike.computeIfAbsent(Arrays.stream(launches).map(KernelLaunch::name).toList(), names -> new ArrayList<>()).add(launches);
        }
        return alike.values().stream().map(this::of).flatMap(Collection::stream).toList();
    }

    private List<LaunchCost> of(List<KernelLaunch[]> stages) {
        List<LaunchCost> costs = new ArrayList<>();
        for (int i = 0; i < stages.get(0).length; i++) {
            int at = i;
            List<KernelLaunch> once = stages.stream().map(launches -> keepingAll(launches[at])).toList();
            costs.add(new LaunchCost(once.get(0).name(), once.size(), seconds(once)));
        }
        return costs;
    }

    /** The first launch of a stage lets go of what the one before left; here it may be what another kernel reads again. */
    private static KernelLaunch keepingAll(KernelLaunch launch) {
        return new KernelLaunch(launch.name(), launch.kernel(), launch.grid(), launch.block(), launch.shared(), launch.pointers(), new long[0]);
    }

    /** The median over repetitions of the mean launch. */
    private double seconds(List<KernelLaunch> once) {
        List<KernelLaunch> all = new ArrayList<>(once);
        while (all.size() < LEAST_LAUNCHES && gpu.laneInstructions() < 0) {
            all.addAll(once);
        }
        long graph = gpu.instantiate(all, false);
        try {
            double[] seconds = new double[REPETITIONS];
            for (int i = -1; i < REPETITIONS; i++) {      // the first warms up
                long start = System.nanoTime();
                gpu.launchGraph(stream, graph);
                gpu.synchronize(stream);
                if (i >= 0) {
                    seconds[i] = (System.nanoTime() - start) / 1e9 / all.size();
                }
            }
            Arrays.sort(seconds);
            return seconds[REPETITIONS / 2];
        } finally {
            gpu.closeGraph(graph);
        }
    }
}
