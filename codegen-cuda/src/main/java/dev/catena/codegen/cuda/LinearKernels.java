package dev.catena.codegen.cuda;

import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.View;
import java.util.List;

/**
 * Matrix products with packed weights ({@link MatrixLayout}). Products go through tensor cores, an element of x as one half by default and as two
 * for f32, with f32 sums: up to {@value #MOST_FEW_ROWS} rows while the weights stream by, more in tiles. f32 weights, and groups that no chunk of
 * 32 columns fits, are multiplied in f32 for any number of rows.
 */
final class LinearKernels {
    static final int MOST_FEW_ROWS = 16;
    /** Rows that linear_few_rows.cuh multiplies together. */
    private static final int MOST_F32_ROWS = 8;
    private static final String[] TOKEN_TEMPLATES = {"tensor_cores.cuh", "weights.cuh", "linear_few_rows.cuh", "linear_many_rows.cuh",
        "linear_few_tokens.cuh"};
    private static final String[] BULK_TEMPLATES = {"tensor_cores.cuh", "weights.cuh", "linear_few_rows.cuh", "linear_many_rows.cuh",
        "linear_few_tokens.cuh", "bulk_copies.cuh", "linear_few_tokens_bulk.cuh"};
    /** Outputs of a block of linear_few_tokens.cuh. */
    private static final int TOKEN_OUTPUTS = 32;

    private LinearKernels() {}

    /** Many rows, with what is computed on their way to halves. */
    static List<KernelLaunch> of(HalfRows fused, int rows, int maxRows, KernelSet kernels) {
        if (kernels.untried() == Untried.WARPGROUPS && WarpgroupLinear.takes(fused.linear(), rows)) {
            return WarpgroupLinear.of(fused, rows, maxRows, kernels);
        }
        return List.of(rowsToHalf(fused, rows, maxRows, kernels), manyRows(fused.linear(), rows, maxRows, kernels));
    }

    /** What the launches need of the device's scratch for steps of up to so many rows. */
    static long scratchBytes(LinearLaunch launch, int maxRows) {
        return maxRows <= MOST_FEW_ROWS || !fitsTensorCores(launch.type()) ? 0
                : scalesOffset(launch, maxRows) + 4L * maxRows;
    }

    static boolean fitsTensorCores(MatrixType type) {
        return type.element() != MatrixType.Element.F32
                && (!type.element().quantized() || type.groups() == 1 || type.group() % 32 == 0);
    }

    /** Whether steps of so many rows are multiplied in tiles, x as halves. */
    static boolean takesManyRows(LinearLaunch launch, int rows) {
        return kind(launch, rows) == LinearConfiguration.Kind.MANY_ROWS;
    }

    /** Whether a few rows of x are multiplied with it on tensor cores. */
    static boolean takesTokens(MatrixType type) {
        return fitsTensorCores(type);
    }

    /** Up to {@value #MOST_FEW_ROWS} rows with weights of 16 bits and fewer, with what was fused to it. */
    static KernelLaunch fewTokens(TokenLinear fused, int rows, KernelSet kernels) {
        LinearLaunch launch = fused.linear();
        boolean normed = fused.norm().isPresent();
        boolean swiglu = fused.swiglu().isPresent();
        View x = fused.x();
        View y = fused.y();
        String name = tokensName(fused, rows);
        LinearConfiguration chosen = chosenForTokens(name, launch, rows, kernels);
        boolean inBulk = chosen.kind() == LinearConfiguration.Kind.BULK;
        CudaKernel kernel = new CudaKernel(name(name, chosen, launch, rows), (normed ? "RMS norm, then " : "") + purpose(launch) + (swiglu ? ", then silu(gate) * up" : "") + "; up to "
                + tokenRows(rows) + " rows" + (inBulk ? "; weights by bulk copies." : "."), chosen.warps() * 32, inBulk ? BULK_TEMPLATES : TOKEN_TEMPLATES)
                .residentBlocks(chosen.resident()).loadsWeightsFirst().sharedBytes(chosen.givenSharedBytes(launch, rows))
                .step().read("x", x).weight("weight", launch.weight()).vector("bias", launch.bias())
                .vector("norm", fused.norm().map(RmsNormLaunch::weight));
        launch.residual().ifPresent(view -> kernel.readAliased("residual", view));
        if (chosen.splits() > 1) {
            kernel.parameter("float *parts", "scratch+0").parameter("uint32 *counters", "counters");
        }
        return kernel.write("y", y).size("ROWS", tokenRows(rows)).size("PARTS", parts(launch)).size("X_STRIDE", x.rowStride())
                .size("Y_STRIDE", y.rowStride()).size("RESIDUAL_STRIDE", residualStride(launch))
                .size("WARPS", chosen.warps()).size(inBulk ? "STAGES" : "IN_FLIGHT", chosen.inFlight()).size("SPLITS", chosen.splits())
                .body(matrix(launch.type()) + """
                        constexpr bool ALIGNED = %s, NORMED = %s, SWIGLU = %s;
                        using Ring = %s;
                        linear_few_tokens<Matrix, ROWS, PARTS, X_STRIDE, Y_STRIDE, RESIDUAL_STRIDE, ALIGNED, NORMED, SWIGLU, SPLITS, Ring>(
                            %s, x, %s, %s, weight, %s, %s, y, %s);""".formatted(CudaKernel.vectorAligned(x), normed, swiglu,
                        inBulk ? "BulkRing<Matrix, WARPS, STAGES>" : "LoadedRing<Matrix, WARPS, IN_FLIGHT, " + (chosen.givenSharedBytes(launch, rows) > 0) + ">", CudaKernel.rows(launch.rows()), normed ? "norm" : "nullptr",
                        CudaKernel.literal(fused.norm().map(RmsNormLaunch::epsilon).orElse(0f)), bias(launch), residual(launch),
                        chosen.splits() > 1 ? "parts, counters" : "nullptr, nullptr"))
                .launch(kernels, tokenBlocks(launch), chosen.splits());
    }

    /** What {@link #fewTokens} needs of the device's scratch. */
    static long tokenScratchBytes(TokenLinear fused, int rows, KernelSet kernels) {
        return chosenForTokens(tokensName(fused, rows), fused.linear(), rows, kernels).splitBytes(fused.linear(), rows);
    }

    /** Blocks of 32 outputs, which the kernel for up to {@value #MOST_FEW_ROWS} rows has. */
    static int tokenBlocks(LinearLaunch launch) {
        return (new MatrixLayout(launch.type()).blocks() * MatrixLayout.BLOCK_ROWS + TOKEN_OUTPUTS - 1) / TOKEN_OUTPUTS;
    }

    /** Any number of rows, in f32. */
    static KernelLaunch fewRows(LinearLaunch launch, int rows, KernelSet kernels) {
        int together = Math.min(rows, MOST_F32_ROWS);
        String body = """
                constexpr bool ALIGNED = %s;
                linear_few_rows<Matrix, ROWS, X_STRIDE, Y_STRIDE, RESIDUAL_STRIDE, ALIGNED, WARPS>(
                    %s, x, weight, %s, %s, y);""".formatted(CudaKernel.vectorAligned(launch.x()),
                CudaKernel.rows(launch.rows()), bias(launch), residual(launch));
        String name = fewRowsName(launch, rows);
        LinearConfiguration chosen = chosen(name, LinearConfiguration.Kind.FEW_ROWS, launch, rows, kernels);
        CudaKernel kernel = new CudaKernel(name(name, chosen, launch, rows),
                purpose(launch) + ", " + together + (together == 1 ? " row" : " rows") + " at a time.", chosen.warps() * 32,
                "weights.cuh", "linear_few_rows.cuh")
                .step().read("x", launch.x()).weight("weight", launch.weight()).vector("bias", launch.bias());
        return finish(kernel, launch).size("WARPS", chosen.warps()).size("ROWS", together).size("X_STRIDE", launch.x().rowStride())
                .size("Y_STRIDE", launch.y().rowStride()).size("RESIDUAL_STRIDE", residualStride(launch))
                .body(matrix(launch.type()) + body)
                .launch(kernels, new MatrixLayout(launch.type()).blocks(), (rows + together - 1) / together);
    }

    private static KernelLaunch rowsToHalf(HalfRows fused, int rows, int maxRows, KernelSet kernels) {
        LinearLaunch launch = fused.linear();
        int columns = launch.type().columns();
        int threads = CudaKernel.threadsForRow(columns);
        CudaKernel kernel = fused.kernel("half", "", ", for tensor cores.", threads);
        String row = fused.row(kernel);
        return kernel.parameter("uint16 *x_half", "scratch+0").parameter("float *row_scale", "scratch+" + scalesOffset(launch, maxRows))
                .size("COLUMNS", columns).size("PADDED", paddedColumns(launch.type())).size("PARTS", parts(launch)).size("WARPS", threads / 32)
                .body(row + "rows_to_half<COLUMNS, PADDED, PARTS, WARPS>(%s, x_row, x_half, row_scale);".formatted(CudaKernel.rows(launch.rows())))
                .launch(kernels, rows);
    }

    private static KernelLaunch manyRows(LinearLaunch launch, int rows, int maxRows, KernelSet kernels) {
        String name = manyRowsName(launch, rows);
        LinearConfiguration chosen = chosen(name, LinearConfiguration.Kind.MANY_ROWS, launch, rows, kernels);
        ManyRowTile tile = ManyRowTile.of(rows).withOutputWarps(chosen.warps());
        String body = """
                constexpr bool VECTOR = %s;
                linear_many_rows<Matrix, TILE_ROWS, OUTPUT_WARPS, ROW_WARPS, PARTS, Y_STRIDE, RESIDUAL_STRIDE, VECTOR, STAGES>(
                    %s, x_half, row_scale, weight, %s, %s, y);""".formatted(
                CudaKernel.vectorAligned(launch.y()) && launch.residual().map(CudaKernel::vectorAligned).orElse(true),
                CudaKernel.rows(launch.rows()), bias(launch), residual(launch));
        CudaKernel kernel = new CudaKernel(name(name, chosen, launch, rows), purpose(launch) + ", " + tile.rows()
                + " rows at a time.", tile.threads(), "tensor_cores.cuh", "weights.cuh", "linear_few_rows.cuh", "linear_many_rows.cuh")
                .step().parameter("const uint16 *__restrict__ x_half", "scratch+0")
                .parameter("const float *__restrict__ row_scale", "scratch+" + scalesOffset(launch, maxRows))
                .weight("weight", launch.weight()).vector("bias", launch.bias());
        return finish(kernel, launch).size("TILE_ROWS", tile.rows()).size("OUTPUT_WARPS", tile.outputWarps())
                .size("ROW_WARPS", tile.rowWarps()).size("STAGES", chosen.inFlight()).size("PARTS", parts(launch))
                .size("Y_STRIDE", launch.y().rowStride()).size("RESIDUAL_STRIDE", residualStride(launch))
                .body(matrix(launch.type()) + body)
                .launch(kernels, tile.grid(launch.type().rows(), rows));
    }

    static String tokensName(TokenLinear fused, int rows) {
        return (fused.norm().isPresent() ? "norm_" : "") + name(fused.linear()) + (fused.swiglu().isPresent() ? "_swiglu" : "") + "_tokens"
                + tokenRows(rows);
    }

    /**
     * Rows that the kernel of linear_few_tokens.cuh for a step of so many has columns for: up to 4 share a product's 8 columns with two halves of an
     * element of x, up to 8 with one.
     */
    static int tokenRows(int rows) {
        return rows <= 4 ? 4 : rows <= 8 ? 8 : MOST_FEW_ROWS;
    }

    static String fewRowsName(LinearLaunch launch, int rows) {
        return name(launch) + "_rows" + Math.min(rows, MOST_F32_ROWS);
    }

    static String manyRowsName(LinearLaunch launch, int rows) {
        return name(launch) + "_tile" + ManyRowTile.of(rows).rows();
    }

    /** Which kernel multiplies so many rows, where nothing is fused with it. */
    static LinearConfiguration.Kind kind(LinearLaunch launch, int rows) {
        return rows <= MOST_FEW_ROWS || !fitsTensorCores(launch.type()) ? LinearConfiguration.Kind.FEW_ROWS : LinearConfiguration.Kind.MANY_ROWS;
    }

    /** What was measured to be best for the kernel of this name, where there is a table and it fits. */
    private static LinearConfiguration chosen(String name, LinearConfiguration.Kind kind, LinearLaunch launch, int rows, KernelSet kernels) {
        return kernels.tuned().of(name, kind).filter(configuration -> configuration.fits(launch, rows))
                .orElse(LinearConfiguration.standard(kind, launch, rows));
    }

    /** Likewise for up to {@value #MOST_FEW_ROWS} rows: untuned by bulk copies where these may be had, though no GPU has run them yet. */
    private static LinearConfiguration chosenForTokens(String name, LinearLaunch launch, int rows, KernelSet kernels) {
        LinearConfiguration inBulk = LinearConfiguration.standard(LinearConfiguration.Kind.BULK, launch, rows);
        return kernels.tuned().of(name, LinearConfiguration.Kind.TOKENS).isEmpty() && kernels.untried().compareTo(Untried.BULK) >= 0 && inBulk.fits(launch, rows)
                ? inBulk : chosen(name, LinearConfiguration.Kind.TOKENS, launch, rows, kernels);
    }

    /** The kernel's name, which says what was chosen where that isn't the usual. */
    private static String name(String name, LinearConfiguration chosen, LinearLaunch launch, int rows) {
        return chosen.kind() != LinearConfiguration.Kind.BULK && chosen.equals(LinearConfiguration.standard(chosen.kind(), launch, rows)) ? name
                : name + "_" + chosen.text();
    }

    static CudaKernel finish(CudaKernel kernel, LinearLaunch launch) {
        launch.residual().ifPresent(view -> kernel.readAliased("residual", view));
        return kernel.write("y", launch.y());
    }

    private static int paddedColumns(MatrixType type) {
        return (type.columns() + 63) / 64 * 64;
    }

    /** Halves that an element of x becomes: two for what f32 can tell apart, one where less was asked for. */
    static int parts(LinearLaunch launch) {
        return launch.activations() == LinearLaunch.Activations.F32 ? 2 : 1;
    }

    private static long scalesOffset(LinearLaunch launch, int maxRows) {
        return (2L * parts(launch) * maxRows * paddedColumns(launch.type()) + 255) / 256 * 256;
    }

    static int residualStride(LinearLaunch launch) {
        return launch.residual().map(View::rowStride).orElse(0);
    }

    static String bias(LinearLaunch launch) {
        return launch.bias().isPresent() ? "bias" : "nullptr";
    }

    static String residual(LinearLaunch launch) {
        return launch.residual().isPresent() ? "residual" : "nullptr";
    }

    /** A line that says what {@code Matrix} is. */
    static String matrix(MatrixType type) {
        String sizes = "constexpr int OUTPUTS = %d, INPUTS = %d%s;\nusing Matrix = ".formatted(type.rows(), type.columns(),
                type.element().quantized() ? ", GROUP = " + type.group() : "");
        return sizes + switch (type.element()) {
            case F32 -> "Floats<OUTPUTS, INPUTS>;\n";
            case F16 -> "Halves<OUTPUTS, INPUTS>;\n";
            case U8, U4, U3, U2 -> "Codes%d<OUTPUTS, INPUTS, GROUP, Zeros::%s, Scales::%s>;\n".formatted(type.element().bits(),
                    type.symmetric() ? "MIDDLE" : "STORED", type.scale());
        };
    }

    /** Such as {@code linear_w4_g128_4096x11008_residual}. */
    static String name(LinearLaunch launch) {
        MatrixType type = launch.type();
        return "linear_w" + type.element().bits() + (type.element().quantized() ? "_g" + type.group() : "") + "_" + type.rows()
                + "x" + type.columns() + (type.element().quantized() && type.symmetric() ? "_symmetric" : "") + (type.f32Scales() ? "_f32_scales" : "")
                + (launch.bias().isPresent() ? "_bias" : "") + (launch.residual().isPresent() ? "_residual" : "")
                + CudaKernel.selected(launch.rows());
    }

    static String purpose(LinearLaunch launch) {
        MatrixType type = launch.type();
        String stored = type.element().quantized()
                ? type.element().bits() + "-bit codes in groups of " + type.group() : type.element().bits() + "-bit floats";
        return "y = x W^T" + (launch.bias().isPresent() ? " + bias" : "") + (launch.residual().isPresent() ? " + residual" : "")
                + "; W " + type.rows() + " x " + type.columns() + " of " + stored;
    }
}
