package dev.catena.runtime.gpu;

import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.Step;
import java.util.ArrayList;
import java.util.List;

/**
 * What a chain of stages takes of a GPU's memory, weights apart: one arena, laid out before anything is allocated. Stages
 * hand rows over through two regions in turn.
 */
final class ChainMemory {
    /** Places in {@link #regions}. The values of a step come first, since one copy brings them. */
    static final int STEP = 0, TOKENS = 1, POSITIONS = 2, ROW_SEQUENCE = 3, PAGE_TABLE = 4, SELECTED_ROWS = 5, STEP_VALUES = 6;
    static final int ARENA = 6, SCRATCH = 7, INPUT = 8, HANDED = 9, OUTPUT = 11, SAMPLING = 12, HISTORY = 13, SAMPLED = 14, COUNTERS = 15;
    private static final int FIRST_CACHE = 16;
    private static final int STEP_BYTES = 16;

    private final List<Region> regions = new ArrayList<>();
    private final int sampledRows;
    private final int[] caches;
    private final int[] outputs;

    /** @param pages of each stage's cache */
    ChainMemory(ModelOnGpu model, List<Manifest.Stage> stages, Step step, int pages, int liveRows) {
        regions.add(Region.of("step", STEP_BYTES));
        regions.add(Region.of("tokens", step.tokens().capacity()));
        regions.add(Region.of("positions", step.positions().capacity()));
        regions.add(Region.of("row_sequence", step.rowSequence().capacity()));
        regions.add(Region.of("page_table", step.pageTable().capacity()));
        regions.add(Region.of("selected_rows", step.selectedRows().capacity()));
        regions.add(Region.of("arena", stages.stream().mapToLong(s -> model.codeOf(s).arenaBytes()).max().orElse(0)));
        regions.add(Region.of("scratch", stages.stream().mapToLong(s -> model.codeOf(s).scratchBytes()).max().orElse(0)));
        Manifest.Port first = stages.get(0).input();
        regions.add(Region.of("input", first.kind().equals("tokens") ? 0 : rowBytes(first, step.maxRows(), liveRows)));
        long[] handed = new long[2];
        outputs = new int[stages.size()];
        for (int i = 0; i < stages.size() - 1; i++) {
            outputs[i] = HANDED + i % 2;
            handed[i % 2] = Math.max(handed[i % 2], rowBytes(stages.get(i).output(), step.maxRows(), liveRows));
        }
        regions.add(Region.of("rows between stages", handed[0]));
        regions.add(Region.of("rows between stages", handed[1]));
        Manifest.Stage last = stages.get(stages.size() - 1);
        regions.add(Region.of("output of " + last.name(), rowBytes(last.output(), step.maxRows(), liveRows)));
        outputs[stages.size() - 1] = OUTPUT;
        sampledRows = Math.min(step.maxSequences(), liveRows);
        regions.add(Region.of("sampling", (long) KernelProgram.SAMPLING_BYTES * sampledRows));
        regions.add(Region.of("history", (long) Manifest.Kv.PAGE_POSITIONS * 4 * step.pageTableStride() * sampledRows));
        regions.add(Region.of("sampled", 4L * sampledRows));
        regions.add(Region.of("counters", 4 * KernelProgram.COUNTERS));
        caches = new int[stages.size()];
        for (int i = 0; i < caches.length; i++) {
            Manifest.Stage stage = stages.get(i);
            caches[i] = stage.kv() == null ? -1 : regions.size();
            if (stage.kv() != null) {
                regions.add(Region.of("cache of " + stage.name(), Math.multiplyExact(stage.kv().pageBytes(), (long) pages)));
            }
        }
    }

    private static long rowBytes(Manifest.Port port, int maxRows, int liveRows) {
        return 4L * port.width() * (port.kind().equals("selected") ? liveRows : maxRows);
    }

    List<Region> regions() {
        return regions;
    }

    /** Rows that tokens can be chosen for in one step: one of each sequence. */
    int sampledRows() {
        return sampledRows;
    }

    /** What goes to and fro when tokens are chosen: parameters, histories, tokens. */
    List<Region> samplingRegions() {
        return regions.subList(SAMPLING, SAMPLED + 1);
    }

    /** The region of a stage's cache, or −1. */
    int cache(int stage) {
        return caches[stage];
    }

    /** The region that a stage writes its rows to. */
    int output(int stage) {
        return outputs[stage];
    }

    long bytes() {
        return Region.totalBytes(regions);
    }

    long cacheBytes() {
        return Region.totalBytes(regions.subList(FIRST_CACHE, regions.size()));
    }
}
