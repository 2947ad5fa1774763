package dev.catena.runtime.gpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A chain's steps as graphs: for each number of rows that programs have launches for one with all stages, and one that
 * ends before the stages that work on selected rows alone. A graph is made when it is first needed.
 */
final class StepGraphs implements AutoCloseable {
    /** What a graph is reckoned to take of the GPU's memory for each kernel in it. Not measured yet. */
    static final long BYTES_PER_LAUNCH = 2048;

    private final Gpu gpu;
    private final BoundProgram[] programs;
    private final int withoutSelected;
    private final boolean dependentLaunches;
    private final int[] buckets;
    private final long[][] graphs;

    /**
     * @param withoutSelected how many programs run in a step that selects no row
     * @param dependentLaunches whether kernels may begin before those in front of them have ended
     */
    StepGraphs(Gpu gpu, BoundProgram[] programs, int withoutSelected, boolean dependentLaunches) {
        this.dependentLaunches = dependentLaunches;
        this.gpu = gpu;
        this.programs = programs;
        this.withoutSelected = withoutSelected;
        buckets = Arrays.stream(programs).flatMapToInt(program -> Arrays.stream(program.buckets())).distinct().sorted().toArray();
        graphs = new long[buckets.length][2];
    }

    /** Bytes that they may take on the GPU when all are made, as far as is known beforehand. */
    static long mostBytes(int buckets, int launches) {
        return 2L * buckets * launches * BYTES_PER_LAUNCH;
    }

    /** Whether anything runs in a step that selects rows, or in one that doesn't. */
    boolean hasLaunches(boolean selected) {
        return selected || withoutSelected > 0;
    }

    /** Makes the graph that {@link #launch} needs, if it isn't there: want of memory for it then comes before anything of a step has begun. */
    void prepare(int rows, boolean selected) {
        if (!hasLaunches(selected)) {
            return;
        }
        int bucket = bucket(rows);
        int kind = selected ? 1 : 0;
        if (graphs[bucket][kind] == 0) {
            graphs[bucket][kind] = gpu.instantiate(launches(Math.max(rows, buckets[bucket]), selected ? programs.length : withoutSelected), dependentLaunches);
        }
    }

    /** After {@link #prepare} of the same. */
    void launch(long stream, int rows, boolean selected) {
        if (hasLaunches(selected)) {
            gpu.launchGraph(stream, graphs[bucket(rows)][selected ? 1 : 0]);
        }
    }

    private int bucket(int rows) {
        int bucket = 0;
        while (bucket < buckets.length - 1 && buckets[bucket] < rows) {
            bucket++;
        }
        return bucket;
    }

    private List<KernelLaunch> launches(int rows, int count) {
        List<KernelLaunch> list = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            list.addAll(List.of(programs[i].launches(rows)));
        }
        return list;
    }

    @Override
    public void close() {
        for (long[] ofBucket : graphs) {
            for (long graph : ofBucket) {
                if (graph != 0) {
                    Closing.all(() -> gpu.closeGraph(graph));
                }
            }
        }
    }
}
