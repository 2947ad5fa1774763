package dev.catena.codegen.cuda;

import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.MatrixType;
import java.util.List;

/**
 * Linear layers of many rows by wgmma (linear_warpgroup.cuh): code for sm_90a alone, which no GPU has run yet. x becomes images of shared
 * memory first, so that a stage of it is one copy.
 */
final class WarpgroupLinear {
    /** Below, most of a block's 128 rows would be none, and kernels for fewer rows leave fewer multiprocessors idle. */
    private static final int FEWEST_ROWS = 65;
    /** Of fewer bits a word holds columns of several lanes, which the template has no way for. */
    private static final int FEWEST_BITS = 4;
    /** Of x and of outputs that a block has, as in the template. */
    private static final int TILE = 128;
    private static final int STAGE_COLUMNS = 64;
    private static final int STAGES = 4;
    private static final int ROWS_OF_BLOCK = 8;
    private static final int THREADS = 384;

    private WarpgroupLinear() {}

    static boolean takes(LinearLaunch launch, int rows) {
        return rows >= FEWEST_ROWS && LinearKernels.fitsTensorCores(launch.type()) && launch.type().element().bits() >= FEWEST_BITS;
    }

    static List<KernelLaunch> of(HalfRows fused, int rows, int maxRows, KernelSet kernels) {
        return List.of(rowsToTiles(fused, rows, maxRows, kernels), multiply(fused.linear(), rows, maxRows, kernels));
    }

    /** What the launches need of the device's scratch for steps of up to so many rows. */
    static long scratchBytes(LinearLaunch launch, int maxRows) {
        return takes(launch, maxRows) ? scalesOffset(launch, maxRows) + 4L * maxRows : 0;
    }

    private static KernelLaunch rowsToTiles(HalfRows fused, int rows, int maxRows, KernelSet kernels) {
        LinearLaunch launch = fused.linear();
        int columns = launch.type().columns();
        CudaKernel kernel = fused.kernel("tiles", "_w" + launch.type().element().bits(), " in images of shared memory, for wgmma.", ROWS_OF_BLOCK * 32,
                "bulk_copies.cuh", "linear_warpgroup.cuh");
        String row = fused.row(kernel);
        return kernel.parameter("uint16 *x_tiles", "scratch+0").parameter("float *row_scale", "scratch+" + scalesOffset(launch, maxRows))
                .size("COLUMNS", columns).size("WORD_COLUMNS", wordColumns(launch.type())).size("PARTS", LinearKernels.parts(launch))
                .body(row + "rows_to_tiles<COLUMNS, WORD_COLUMNS, PARTS, %d>(%s, x_row, x_tiles, row_scale);".formatted(ROWS_OF_BLOCK,
                        CudaKernel.rows(launch.rows())))
                .launch(kernels, tiles(rows) * TILE / ROWS_OF_BLOCK);
    }

    private static KernelLaunch multiply(LinearLaunch launch, int rows, int maxRows, KernelSet kernels) {
        MatrixType type = launch.type();
        CudaKernel kernel = new CudaKernel(LinearKernels.name(launch) + "_warpgroup", LinearKernels.purpose(launch) + ", " + TILE
                + " rows at a time, by wgmma.", THREADS, "tensor_cores.cuh", "weights.cuh", "linear_few_rows.cuh", "linear_many_rows.cuh",
                "half_rows.cuh", "bulk_copies.cuh", "linear_warpgroup.cuh").sharedBytes(STAGES * stageBytes(launch))
                .step().parameter("const uint16 *__restrict__ x_tiles", "scratch+0")
                .parameter("const float *__restrict__ row_scale", "scratch+" + scalesOffset(launch, maxRows))
                .weight("weight", launch.weight()).vector("bias", launch.bias());
        return LinearKernels.finish(kernel, launch).size("STAGES", STAGES).size("PARTS", LinearKernels.parts(launch))
                .size("Y_STRIDE", launch.y().rowStride()).size("RESIDUAL_STRIDE", LinearKernels.residualStride(launch))
                .body(LinearKernels.matrix(type) + """
                        constexpr bool VECTOR = %s;
                        linear_warpgroup<Matrix, PARTS, Y_STRIDE, RESIDUAL_STRIDE, VECTOR, STAGES>(%s, x_tiles, row_scale, weight, %s, %s, y);"""
                        .formatted(CudaKernel.vectorAligned(launch.y()), CudaKernel.rows(launch.rows()), LinearKernels.bias(launch),
                                LinearKernels.residual(launch)))
                .launch(kernels, ManyRowTile.grid(type.rows(), TILE, rows, TILE));
    }

    private static int tiles(int rows) {
        return (rows + TILE - 1) / TILE;
    }

    /** Columns that a lane of four loads together, which decides in what order x lies. */
    private static int wordColumns(MatrixType type) {
        return type.element().quantized() ? 32 / type.element().bits() : 1;
    }

    /** x of a tile and weights of 128 outputs in 64 columns. */
    private static int stageBytes(LinearLaunch launch) {
        return LinearKernels.parts(launch) * STAGE_COLUMNS * TILE * 2 + STAGE_COLUMNS * TILE * launch.type().element().bits() / 8;
    }

    private static long scalesOffset(LinearLaunch launch, int maxRows) {
        int stages = (launch.type().columns() + STAGE_COLUMNS - 1) / STAGE_COLUMNS;
        return (long) tiles(maxRows) * stages * LinearKernels.parts(launch) * STAGE_COLUMNS * TILE * 2;
    }
}
