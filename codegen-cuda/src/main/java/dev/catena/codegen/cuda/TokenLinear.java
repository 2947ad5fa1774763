package dev.catena.codegen.cuda;

import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LoopNest;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.View;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A linear layer of a few rows with what became one kernel with it: the RMS norm before it, the SwiGLU behind it. Their
 * results are never in memory, so nothing else may read them.
 */
record TokenLinear(LinearLaunch linear, Optional<RmsNormLaunch> norm, Optional<LoopNestLaunch> swiglu) {
    /** What begins with the launch at {@code index}, if that, or the linear layer behind that norm, has such a kernel for so few rows. */
    static Optional<TokenLinear> at(List<Launch> launches, int index, int rows) {
        if (rows > LinearKernels.MOST_FEW_ROWS) {
            return Optional.empty();
        }
        Optional<RmsNormLaunch> norm = norm(launches, index);
        int linearAt = norm.isPresent() ? index + 1 : index;
        if (!(launches.get(linearAt) instanceof LinearLaunch linear) || !LinearKernels.takesTokens(linear.type())) {
            return Optional.empty();
        }
        return Stream.of(new TokenLinear(linear, norm, swiglu(launches, linearAt)), new TokenLinear(linear, norm, Optional.empty()))
                .filter(fused -> !fused.overwritesWhatItReads()).findFirst();
    }

    /** All that these launches have for so many rows, in their order. */
    static List<TokenLinear> all(List<Launch> launches, int rows) {
        List<TokenLinear> all = new ArrayList<>();
        for (int i = 0; i < launches.size();) {
            Optional<TokenLinear> fused = at(launches, i, rows);
            fused.ifPresent(all::add);
            i += fused.map(TokenLinear::launches).orElse(1);
        }
        return all;
    }

    /** How many launches it stands for. */
    int launches() {
        return 1 + (norm.isPresent() ? 1 : 0) + (swiglu.isPresent() ? 1 : 0);
    }

    /** The norm at {@code index}, if the launch behind it is a linear layer and nothing else reads what it writes. */
    private static Optional<RmsNormLaunch> norm(List<Launch> launches, int index) {
        return launches.get(index) instanceof RmsNormLaunch norm && Liveness.makesOnlyRowsOfNext(launches, index) ? Optional.of(norm) : Optional.empty();
    }

    /** The SwiGLU behind the linear layer at {@code index}, if nothing else reads what that writes. */
    private static Optional<LoopNestLaunch> swiglu(List<Launch> launches, int index) {
        LinearLaunch linear = (LinearLaunch) launches.get(index);
        View both = linear.y();
        int columns = both.columns() / 2;
        return index + 1 < launches.size() && launches.get(index + 1) instanceof LoopNestLaunch nest && both.columns() % 32 == 0
                && nest.nest().equals(LoopNest.swiglu(columns)) && nest.rows() == linear.rows() && linear.residual().isEmpty()
                && nest.operands().equals(List.of(both.slice(0, columns), both.slice(columns, columns)))
                && Liveness.isDeadBehind(launches, index + 1, both, nest.y()) ? Optional.of(nest) : Optional.empty();
    }

    /** Blocks of the kernel run side by side: what one of them writes no other may still have to read. */
    private boolean overwritesWhatItReads() {
        return (norm.isPresent() || swiglu.isPresent()) && Liveness.overlap(x(), y());
    }

    /** The rows that it reads. */
    View x() {
        return norm.map(RmsNormLaunch::x).orElse(linear.x());
    }

    View y() {
        return swiglu.map(LoopNestLaunch::y).orElse(linear.y());
    }
}
