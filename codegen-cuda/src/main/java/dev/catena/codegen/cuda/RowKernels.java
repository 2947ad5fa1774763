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
        return new CudaKernel("rms_norm_c" + columns + CudaKernel.selected(launch.rows()), "RMS norm of rows of " + columns + ".",
                threads, "rms_norm.cuh")
                .step().readAliased("x", launch.x()).vector("weight", launch.weight()).write("y", launch.y())
                .size("COLUMNS", columns).size("X_STRIDE", launch.x().rowStride()).size("Y_STRIDE", launch.y().rowStride())
                .size("WARPS", threads / 32).body("rms_norm<COLUMNS, X_STRIDE, Y_STRIDE, WARPS>(%s, x, weight, %s, y);".formatted(
                        CudaKernel.rows(launch.rows()), CudaKernel.literal(launch.epsilon())))
                .launch(kernels, rows);
    }

    static KernelLaunch of(SelectRowsLaunch launch, int rows, KernelSet kernels) {
        int columns = launch.x().columns();
        int threads = CudaKernel.threadsForRow(columns);
        return new CudaKernel("select_rows_c" + columns, "The selected rows of " + columns + ".", threads, "select_rows.cuh")
                .step().parameter("const int *selected_rows", "selected_rows").read("x", launch.x()).write("y", launch.y())
                .size("COLUMNS", columns).size("X_STRIDE", launch.x().rowStride()).size("Y_STRIDE", launch.y().rowStride())
                .size("WARPS", threads / 32)
                .body("select_rows<COLUMNS, X_STRIDE, Y_STRIDE, WARPS>(step[STEP_SELECTED], selected_rows, x, y);")
                .launch(kernels, rows);
    }

    static KernelLaunch of(EmbeddingLaunch launch, int rows, KernelSet kernels) {
        MatrixType type = launch.type();
        int threads = CudaKernel.threadsForRow(type.columns());
        String table = switch (type.element()) {
            case F32 -> "FloatTable<VOCABULARY, WIDTH>";
            case F16 -> "HalfTable<VOCABULARY, WIDTH>";
            case U8, U4 -> "CodeTable<VOCABULARY, WIDTH, GROUP, STORED_ZEROS, BITS, SCALE_BYTES>";
            default -> throw CudaKernel.noKernel(type);
        };
        String name = "embedding_" + type.element().name().toLowerCase(Locale.ROOT) + "_" + type.rows() + "x" + type.columns()
                + type.storageSuffix();
        CudaKernel kernel = new CudaKernel(name, "A row of the table for each token.", threads, "embedding.cuh")
                .size("VOCABULARY", type.rows()).size("WIDTH", type.columns());
        if (type.element().quantized()) {
            kernel.size("GROUP", type.group()).size("STORED_ZEROS", type.symmetric() ? 0 : 1).size("BITS", type.element().bits())
                    .size("SCALE_BYTES", type.scale().bits() / 8);
        }
        return kernel.size("Y_STRIDE", launch.y().rowStride()).size("WARPS", threads / 32)
                .step().parameter("const int *tokens", "tokens").weight("table", launch.table()).write("y", launch.y())
                .body("embedding<%s, WIDTH, Y_STRIDE, WARPS>(step[STEP_ROWS], tokens, table, y);".formatted(table))
                .launch(kernels, rows);
    }
}
