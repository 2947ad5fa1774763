package dev.catena.codegen.cuda;

/** What a program does that the simulator has proven and no GPU has run yet ({@code compile --experimental}). Each also does what those before it do. */
public enum Untried {
    /** It runs on every architecture. */
    NOTHING,
    /** Kernels begin before those in front of them have ended: sm_90 and later. */
    OVERLAPPING,
    /** Weights of a few rows come by bulk copies: sm_90 and sm_100, whose shared memory has room for them twice. */
    BULK,
    /** Many rows are multiplied by wgmma: sm_90a alone. */
    WARPGROUPS;

    /** All that code for this architecture may do. */
    public static Untried of(CudaTarget target) {
        return target.multipliesByWarpgroup() ? WARPGROUPS : target.copiesInBulk() ? BULK : target.overlapsLaunches() ? OVERLAPPING : NOTHING;
    }
}
