package dev.catena.runtime.gpu;

import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.DeviceException;
import dev.catena.runtime.Step;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** What a model's parts on one GPU take of its memory, held against what there is before anything is taken. */
final class GpuMemoryPlan {
    /** What is left to the driver, which takes some on its own account. */
    private static final long MARGIN = 64L << 20;

    private final ModelOnGpu model;
    private final List<List<Manifest.Stage>> parts;
    private final Step step;
    private final int liveRows;
    private final long limit;
    private final WeightPlacement weights;

    /**
     * @param parts chains of stages
     * @param limit bytes that may be taken, 0 = all that are free
     */
    GpuMemoryPlan(ModelOnGpu model, List<List<Manifest.Stage>> parts, Step step, int liveRows, long limit) {
        this.model = model;
        this.parts = parts;
        this.step = step;
        this.liveRows = liveRows;
        this.limit = limit;
        weights = new WeightPlacement(model, parts);
    }

    /**
     * Entries of weights that can't stay on the GPU.
     *
     * @param pages of each stage's cache
     * @throws DeviceException when it doesn't fit, or fits only so and no limit says that it should
     */
    Set<String> passing(int pages) {
        long room = room();
        long activations = activationBytes();
        long cache = cacheBytes(pages);
        long left = room - activations - cache;
        if (weights.allBytes() <= left) {
            return Set.of();
        }
        if (limit == 0 || weights.leastBytes() > left) {
            throw new DeviceException(refusal(room, activations, cache, pages));
        }
        return weights.passing(left);
    }

    /**
     * How many pages of cache are {@code share} of what weights and activations leave.
     *
     * @throws DeviceException when that isn't one
     */
    int pages(double share) {
        long room = room();
        long left = room - activationBytes() - weights.allBytes();
        long page = cacheBytes(1);
        if (page == 0) {
            return Integer.MAX_VALUE;
        }
        long pages = (long) (Math.max(0, left) * share / page);
        if (pages < 2) {       // page 0 is reserved
            throw new DeviceException(model.gpu().name() + ": " + String.format(Locale.ROOT, "%.0f", share * 100) + " % of the "
                    + text(Math.max(0, left)) + " that weights and activations leave is no room for a page of the cache ("
                    + text(page) + "); " + remedy(false));
        }
        return (int) Math.min(pages, Integer.MAX_VALUE);
    }

    private long room() {
        long free = model.gpu().freeBytes() - MARGIN;
        return limit == 0 ? free : Math.min(free, limit);
    }

    private long activationBytes() {
        long bytes = 0;
        for (List<Manifest.Stage> part : parts) {
            ChainMemory memory = new ChainMemory(model, part, step, 0, liveRows);
            bytes += memory.bytes() + graphBytes(part) + samplingGraphBytes(part);
        }
        return bytes;
    }

    private long cacheBytes(int pages) {
        return parts.stream().mapToLong(part -> new ChainMemory(model, part, step, pages, liveRows).cacheBytes()
                - new ChainMemory(model, part, step, 0, liveRows).cacheBytes()).sum();
    }

    private long graphBytes(List<Manifest.Stage> part) {
        int launches = 0;
        int buckets = 0;
        for (Manifest.Stage stage : part) {
            List<KernelProgram.Bucket> of = model.program(stage).buckets();
            buckets = Math.max(buckets, of.size());
            launches += of.stream().mapToInt(bucket -> bucket.launches().size()).max().orElse(0);
        }
        return StepGraphs.mostBytes(buckets, launches);
    }

    /** Of the program that chooses tokens, where the part ends with logits. */
    private long samplingGraphBytes(List<Manifest.Stage> part) {
        KernelProgram sampling = part.get(part.size() - 1).output().kind().equals("selected") ? model.samplingProgram() : null;
        return sampling == null ? 0 : StepGraphs.mostBytes(sampling.buckets().size(),
                sampling.buckets().stream().mapToInt(bucket -> bucket.launches().size()).max().orElse(0));
    }

    private String refusal(long room, long activations, long cache, int pages) {
        return model.gpu().name() + ": the model's part takes " + text(weights.allBytes()) + " of weights, " + text(cache)
                + " of cache for " + (long) Manifest.Kv.PAGE_POSITIONS * pages + " positions and " + text(activations) + " of activations; there is room for "
                + text(Math.max(0, room)) + (limit > 0 ? " (--device-memory), of which weights that are streamed need "
                + text(weights.leastBytes()) : "") + "; " + remedy(limit == 0 && weights.leastBytes() + activations + cache <= room);
    }

    /** @param canStream whether it would fit if no weights stayed */
    private String remedy(boolean canStream) {
        return "spread it over more devices, " + (canStream ? "stream its weights with --device-memory " + (room() >> 20) + "MiB, " : "")
                + "or compile it with fewer --wbits or --kv-bits";
    }

    private static String text(long bytes) {
        return bytes < 10L << 20 ? String.format(Locale.ROOT, "%.1f KiB", bytes / 1024.0)
                : bytes < 10L << 30 ? String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0)
                : String.format(Locale.ROOT, "%.1f GiB", bytes / 1073741824.0);
    }
}
