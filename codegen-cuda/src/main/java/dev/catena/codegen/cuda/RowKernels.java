package dev.catena.codegen.cuda;

import dev.catena.codegen.EmbeddingLaunch;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.SelectRowsLaunch;
import java.util.Locale;

/** Kernels that treat each row by itself, a block a row: norms, table look-up, row selection. */
final class RowKernels {
    private RowKernels() {}

    static KernelLaunch of(RmsNormLaunch launch, int rows, KernelSet kernels) {
        int columns = launch.x().columns();
        int threads = CudaKernel.threadsForRow(columns);
        return new CudaKernel("rms_norm_c" + columns, "RMS norm of rows of " + columns + ".", threads, "rms_norm.cuh")
                .step().readAliased("x", launch.x()).vector("weight", launch.weight()).write("y", launch.y())
                .body("rms_norm<%d, %d, %d, %d>(%s, x, weight, %s, y);".formatted(columns, launch.x().rowStride(),
                        launch.y().rowStride(), threads / 32, CudaKernel.rows(launch.rows()),
                        CudaKernel.literal(launch.epsilon())))
                .launch(kernels, rows);
    }

    static KernelLaunch of(SelectRowsLaunch launch, int rows, KernelSet kernels) {
        int columns = launch.x().columns();
        int threads = CudaKernel.threadsForRow(columns);
        return new CudaKernel("select_rows_c" + columns, "The selected rows of " + columns + ".", threads, "select_rows.cuh")
                .step().parameter("const int *selected_rows", "selected_rows").read("x", launch.x()).write("y", launch.y())
                .body("select_rows<%d, %d, %d, %d>(step[STEP_SELECTED], selected_rows, x, y);".formatted(columns,
                        launch.x().rowStride(), launch.y().rowStride(), threads / 32))
                .launch(kernels, rows);
    }

    static KernelLaunch of(EmbeddingLaunch launch, int rows, KernelSet kernels) {
        MatrixType type = launch.type();
        int threads = CudaKernel.threadsForRow(type.columns());
        String table = switch (type.element()) {
            case F32 -> "FloatTable<%d, %d>".formatted(type.rows(), type.columns());
            case F16 -> "HalfTable<%d, %d>".formatted(type.rows(), type.columns());
            case U8, U4 -> "CodeTable<%d, %d, %d, %s, %d>".formatted(type.rows(), type.columns(), type.group(),
                    !type.symmetric(), type.element().bits());
            case U3, U2 -> throw new IllegalArgumentException("GPU kernels for " + type.element().bits() + " bits aren't there yet");
        };
        String name = "embedding_" + type.element().name().toLowerCase(Locale.ROOT) + "_" + type.rows() + "x" + type.columns()
                + (type.element().quantized() ? "_g" + type.group() + (type.symmetric() ? "_symmetric" : "") : "");
        return new CudaKernel(name, "A row of the table for each token.", threads, "embedding.cuh")
                .step().parameter("const int *tokens", "tokens").weight("table", launch.table()).write("y", launch.y())
                .body("embedding<%s, %d, %d, %d>(step[STEP_ROWS], tokens, table, y);".formatted(table, type.columns(),
                        launch.y().rowStride(), threads / 32))
                .launch(kernels, rows);
    }
}
