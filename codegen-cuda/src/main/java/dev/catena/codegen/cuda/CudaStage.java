package dev.catena.codegen.cuda;

import java.util.List;

/**
 * The code of one stage structure.
 *
 * @param name made from a hash of the launches: equal structures have equal names
 * @param arenaBytes how far into the device's arena it reaches
 * @param scratchBytes how far into the device's scratch it reaches
 * @param buckets by rising number of rows
 */
public record CudaStage(String name, long arenaBytes, long scratchBytes, List<RowBucket> buckets) {
    public CudaStage {
        buckets = List.copyOf(buckets);
    }

    /** The same stage with at least so many bytes of scratch. */
    CudaStage withScratch(long bytes) {
        return new CudaStage(name, arenaBytes, Math.max(scratchBytes, bytes), buckets);
    }
}
