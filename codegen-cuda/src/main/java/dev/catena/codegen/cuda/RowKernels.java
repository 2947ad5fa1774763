package dev.catena.codegen.cuda;

import dev.catena.codegen.EmbeddingLaunch;
import dev.catena.codegen.LayerNormLaunch;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.SelectRowsLaunch;
import java.util.Locale;

/** Kernels that treat each row by itself, a block a row: norms, table look-up, row selection. */
final class RowKernels {
    private RowKernels() {}

    static KernelLaunch of(RmsNormLaunch launch, int rows, KernelSet kernels) {
        int columns = launch.width();
        int parts = launch.x().columns() / columns;
        int threads = CudaKernel.threadsForRow(columns);
        return new CudaKernel("rms_norm_c" + columns + parts(parts) + CudaKernel.selected(launch.rows()), "RMS norm of " + of(parts, columns),
                threads, "rms_norm.cuh")
                .step().readAliased("x", launch.x()).vector("weight", launch.weight()).write("y", launch.y())
                .size("COLUMNS", columns).size("X_STRIDE", launch.x().rowStride()).size("Y_STRIDE", launch.y().rowStride())
                .size("WARPS", threads / 32).body("rms_norm<COLUMNS, X_STRIDE, Y_STRIDE, WARPS>(%s, x, weight, %s, y);".formatted(
                        CudaKernel.rows(launch.rows()), CudaKernel.literal(launch.epsilon())))
                .launch(kernels, rows, parts);
    }

    static KernelLaunch of(LayerNormLaunch launch, int rows, KernelSet kernels) {
        int columns = launch.width();
        int parts = launch.x().columns() / columns;
        int threads = CudaKernel.threadsForRow(columns);
        return new CudaKernel("layer_norm_c" + columns + parts(parts) + (launch.own() > 1 ? "_own" + launch.own() : "") + (launch.bias().isPresent() ? "_biased" : "")
                + CudaKernel.selected(launch.rows()), "Layer norm of " + of(parts, columns), threads, "layer_norm.cuh")
                .step().readAliased("x", launch.x()).vector("weight", launch.weight()).vector("bias", launch.bias())
                .write("y", launch.y()).size("COLUMNS", columns).size("OWN", launch.own()).size("X_STRIDE", launch.x().rowStride())
                .size("Y_STRIDE", launch.y().rowStride()).size("WARPS", threads / 32)
                .body("layer_norm<COLUMNS, OWN, X_STRIDE, Y_STRIDE, WARPS>(%s, x, weight, %s, %s, y);".formatted(
                        CudaKernel.rows(launch.rows()), launch.bias().isPresent() ? "bias" : "nullptr",
                        CudaKernel.literal(launch.epsilon())))
                .launch(kernels, rows, parts);
    }

    private static String parts(int parts) {
        return parts > 1 ? "x" + parts : "";
    }

    private static String of(int parts, int columns) {
        return parts > 1 ? "each " + columns + " columns of rows, " + parts + " times." : "rows of " + columns + ".";
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
        String kind = switch (type.element()) {
            case F32 -> "FloatTable<VOCABULARY, WIDTH>";
            case F16 -> "HalfTable<VOCABULARY, WIDTH>";
            case U8, U4, U3, U2 -> "CodeTable<VOCABULARY, WIDTH, GROUP, STORED_ZEROS, BITS, SCALE_BYTES>";
        };
        String table = (launch.packed() ? "Packed" : "") + kind;
        boolean byToken = launch.key() == EmbeddingLaunch.Key.TOKEN;
        String name = (byToken ? "embedding_" : "position_rows_") + type.element().name().toLowerCase(Locale.ROOT) + "_" + type.rows() + "x" + type.columns()
                + type.storageSuffix() + (launch.packed() ? "_packed" : "");
        CudaKernel kernel = new CudaKernel(name, "The table's row of each " + (byToken ? "token." : "position."), threads, "embedding.cuh")
                .size("VOCABULARY", type.rows()).size("WIDTH", type.columns());
        if (type.element().quantized()) {
            kernel.size("GROUP", type.group()).size("STORED_ZEROS", type.symmetric() ? 0 : 1).size("BITS", type.element().bits())
                    .size("SCALE_BYTES", type.scale().bits() / 8);
        }
        return kernel.size("Y_STRIDE", launch.y().rowStride()).size("WARPS", threads / 32)
                .step().parameter("const int *keys", byToken ? "tokens" : "positions").weight("table", launch.table()).write("y", launch.y())
                .body("embedding<%s, WIDTH, Y_STRIDE, WARPS>(step[STEP_ROWS], keys, table, y);".formatted(table))
                .launch(kernels, rows);
    }
}
