package dev.catena.codegen.cuda;

import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A linear layer of many rows, whose x becomes halves first, with what is computed on that way: the RMS norm before it, or what makes each
 * element by itself, such as SwiGLU. That one's result is never in memory, so nothing else may read it.
 */
record HalfRows(LinearLaunch linear, Optional<Launch> before) {
    private static final String[] TEMPLATES = {"tensor_cores.cuh", "weights.cuh", "linear_few_rows.cuh", "linear_many_rows.cuh", "half_rows.cuh"};

    /** The layer alone. */
    static HalfRows of(LinearLaunch linear) {
        return new HalfRows(linear, Optional.empty());
    }

    /** How many launches it stands for. */
    int launches() {
        return before.isPresent() ? 2 : 1;
    }

    /** What begins with the launch at {@code index}, if that, or the one behind it, is such a layer in steps of so many rows. */
    static Optional<HalfRows> at(List<Launch> launches, int index, int rows) {
        if (launches.get(index) instanceof LinearLaunch linear) {
            return LinearKernels.takesManyRows(linear, rows) ? Optional.of(of(linear)) : Optional.empty();
        }
        return Liveness.makesOnlyRowsOfNext(launches, index) && launches.get(index + 1) instanceof LinearLaunch linear
                && LinearKernels.takesManyRows(linear, rows) ? Optional.of(new HalfRows(linear, Optional.of(launches.get(index)))) : Optional.empty();
    }

    /**
     * A kernel that makes the halves, as far as it depends on where x comes from; its statements call that {@code x_row}.
     *
     * @param form what the halves are put in order for, such as "half"
     */
    CudaKernel kernel(String form, String suffix, String purpose, int threads, String... templates) {
        List<String> all = new ArrayList<>(List.of(TEMPLATES));
        all.addAll(Arrays.asList(templates));
        int columns = linear.type().columns();
        String what = before.map(HalfRows::what).orElse("rows");
        before.filter(LoopNestLaunch.class::isInstance).ifPresent(nest -> all.add("functions.cuh"));
        return new CudaKernel(what + "_to_" + form + "_c" + columns + suffix + CudaKernel.selected(linear.rows()),
                (before.isPresent() ? "What comes before a linear layer (" + what + "), its rows of " : "Rows of ") + columns + " as scaled f16" + purpose, threads,
                all.toArray(String[]::new)).step();
    }

    private static String what(Launch before) {
        return before instanceof LoopNestLaunch nest ? LoopNestKernel.name(nest.nest()) : "norm";
    }

    /** Adds the parameters that x is made of. @return the statement that declares {@code x_row} */
    String row(CudaKernel kernel) {
        View x = linear.x();
        if (before.isEmpty()) {
            kernel.read("x", x);
            return "GivenRow<%d> x_row = {x};\n".formatted(x.rowStride());
        } else if (before.get() instanceof RmsNormLaunch norm) {
            kernel.read("x", norm.x()).vector("norm", norm.weight());
            return "NormedRow<%d, %d> x_row = {x, norm, %s};\n".formatted(norm.x().rowStride(), norm.width(), CudaKernel.literal(norm.epsilon()));
        }
        return "const auto x_row = computed_row(%s);\n".formatted(LoopNestKernel.element((LoopNestLaunch) before.get(), kernel));
    }
}
