package dev.catena.codegen.cuda;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.Launch;
import dev.catena.codegen.RopeAppendLaunch;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** RoPE, the cache's new positions and the attention behind them as one kernel, for a few rows. The rotated queries are never in memory. */
record StepAttention(RopeAppendLaunch append, AttentionLaunch attention) {
    /** How many launches it stands for. */
    static final int LAUNCHES = 2;

    /** What begins with the launch at {@code index}, if so few rows have such a kernel, nothing else reads the rotated queries, and blocks may run side by side. */
    static Optional<StepAttention> at(List<Launch> launches, int index, int rows) {
        if (index + 1 < launches.size() && launches.get(index) instanceof RopeAppendLaunch append
                && launches.get(index + 1) instanceof AttentionLaunch attention && attention.q().equals(append.rotatedQ())
                && attention.heads() == append.heads() && attention.kv().equals(append.kv())
                && Liveness.isDeadBehind(launches, index + 1, append.rotatedQ())
                && Stream.of(append.q(), append.k(), append.v()).noneMatch(view -> Liveness.overlap(view, attention.y()))
                && AttentionKernels.fitsOneKernel(attention, rows)) {
            return Optional.of(new StepAttention(append, attention));
        }
        return Optional.empty();
    }
}
