package dev.catena.codegen.cuda;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.RopeAppendLaunch;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Kernels that meet the cache: rotating and appending, and attention over its pages. With few rows in a step all of that is one kernel,
 * in which the positions of a row are split over several blocks.
 */
final class AttentionKernels {
    /** Splits of a row's positions at most, and blocks that keep the largest card busy with one row: two for each multiprocessor of an H100. */
    private static final List<Integer> SPLITS = List.of(16, 32, 64);
    private static final int BUSY_BLOCKS = 256;
    /** Rows of a step that attention is one kernel for, and of those the ones for which a block keeps less shared memory. */
    private static final int MOST_STEP_ROWS = 16;
    private static final int FEWER_STEP_ROWS = 8;
    private static final int THREADS = 128;
    /** Query heads of a block: what its lanes sum up must fit their registers. On tensor cores 8 are a tile of columns, and of f16 up to a size of heads two have room. */
    private static final int MOST_QUERIES = 8;
    private static final int MOST_PAIRED_QUERIES = 16;
    private static final int MOST_SUMS = 1024;
    /** On tensor cores: the largest head whose sums fit a lane's registers, and the largest of f16 with two tiles of columns a warp. */
    private static final int LARGEST_MATRIX_DIM = 256;
    private static final int LARGEST_PAIRED_DIM = 128;
    /** Shared memory that the keys and values which a step adds may take of a block. */
    private static final int MOST_MADE_BYTES = 32 << 10;

    private AttentionKernels() {}

    static KernelLaunch of(RopeAppendLaunch launch, int rows, KernelSet kernels) {
        KvFormat kv = launch.kv();
        boolean rotates = launch.rotary() > 0;
        int heads = launch.heads() + 2 * kv.heads();
        int warps = Math.min(4, heads);
        CudaKernel kernel = new CudaKernel("rope_append_h" + launch.heads() + "_" + suffix(kv) + "_r" + launch.rotary()
                + (launch.interleaved() ? "_interleaved" : ""), "Rotates queries and keys, writes keys and values to the cache.", warps * 32, "kv_cache.cuh", "rope_append.cuh");
        rowTables(kernel).readAliased("q", launch.q()).readAliased("k", launch.k()).readAliased("v", launch.v());
        if (rotates) {
            kernel.weight("cos", launch.cos()).weight("sin", launch.sin());
        }
        return kernel.parameter("uint8 *kv", "kv").write("y", launch.rotatedQ())
                .size("HEADS", launch.heads()).size("KV_HEADS", kv.heads()).size("DIM", kv.dim()).size("ROTARY", launch.rotary())
                .size("TABLE_ROWS", Math.max(1, launch.tableRows())).size("Q_STRIDE", launch.q().rowStride())
                .size("K_STRIDE", launch.k().rowStride()).size("V_STRIDE", launch.v().rowStride())
                .size("Y_STRIDE", launch.rotatedQ().rowStride()).size("WARPS", warps)
                .body("""
                        rope_append<%s, %s, HEADS, KV_HEADS, DIM, ROTARY, %s, TABLE_ROWS,
                                    Q_STRIDE, K_STRIDE, V_STRIDE, Y_STRIDE, WARPS>(
                            step, positions, row_sequence, page_table, q, k, v, %s, kv, y);""".formatted(pages(kv),
                        launch.tablesF16() ? "HalfPositions" : "FloatPositions", launch.interleaved(), rotates ? "cos, sin" : "nullptr, nullptr"))
                .launch(kernels, rows, (heads + warps - 1) / warps);
    }

    static KernelLaunch of(AttentionLaunch launch, int rows, KernelSet kernels) {
        KvFormat kv = launch.kv();
        int queries = queries(launch);
        int columns = columns(launch);
        int together = columns / queries;
        CudaKernel kernel = new CudaKernel("attention_h" + launch.heads() + "_" + suffix(launch),
                "Attention over the cache, " + queries + " query heads of " + together + (together == 1 ? " row" : " rows") + " a block.", THREADS,
                templates(kv, "attention.cuh"));
        ofHeads(rowTables(kernel).read("q", launch.q()), launch).parameter("const uint8 *__restrict__ kv", "kv")
                .parameter("float *parts", "scratch+0").parameter("uint32 *counters", "counters").write("y", launch.y());
        return sizes(kernel, launch).size("Q_STRIDE", launch.q().rowStride())
                .body(shape(launch, columns, 0) + """
                attend<Shape, %s<Shape>, GROUP, QUERIES, Q_STRIDE, Y_STRIDE>(
                    step, positions, row_sequence, page_table, q, %s, kv, parts, counters, y);""".formatted(tiles(kv), numbers(launch)))
                .launch(kernels, (rows + together - 1) / together, blocks(launch), blocksOfSplits(launch, rows));
    }

    /** RoPE, the cache's new positions and attention for up to {@value #MOST_STEP_ROWS} rows. */
    static KernelLaunch of(StepAttention fused, int rows, KernelSet kernels) {
        RopeAppendLaunch append = fused.append();
        AttentionLaunch launch = fused.attention();
        KvFormat kv = launch.kv();
        boolean rotates = append.rotary() > 0;
        int queries = queries(launch);
        CudaKernel kernel = new CudaKernel("attention_step_h" + launch.heads() + "_" + suffix(launch) + "_r" + append.rotary()
                + (append.interleaved() ? "_interleaved" : "") + (rows > FEWER_STEP_ROWS ? "_rows" + MOST_STEP_ROWS : ""),
                "Rotates queries and keys, writes keys and values to the cache, attends; "
                + queries + " query heads of a row and a split of its positions a block.", THREADS,
                templates(kv, "rope_append.cuh", "attention.cuh", "attention_step.cuh"));
        if (onTensorCores(kv) && kv.dim() <= LARGEST_PAIRED_DIM) {
            kernel.residentBlocks(queries > MOST_QUERIES ? 2 : 3);
        }
        rowTables(kernel).read("q", append.q()).read("k", append.k()).read("v", append.v());
        if (rotates) {
            kernel.weight("cos", append.cos()).weight("sin", append.sin());
        }
        ofHeads(kernel, launch).parameter("uint8 *kv", "kv").parameter("float *parts", "scratch+0").parameter("uint32 *counters", "counters").write("y", launch.y());
        return sizes(kernel, launch).size("ROTARY", append.rotary()).size("TABLE_ROWS", Math.max(1, append.tableRows()))
                .size("Q_STRIDE", append.q().rowStride()).size("K_STRIDE", append.k().rowStride()).size("V_STRIDE", append.v().rowStride())
                .body(shape(launch, !onTensorCores(kv) ? queries : queries > MOST_QUERIES ? MOST_PAIRED_QUERIES : MOST_QUERIES, stepRows(rows)) + """
                attention_step<Shape, %s<Shape>, %s, GROUP, QUERIES, ROTARY, %s, TABLE_ROWS, Q_STRIDE, K_STRIDE, V_STRIDE, Y_STRIDE>(
                    step, positions, row_sequence, page_table, q, k, v, %s, %s, kv, parts, counters, y);""".formatted(tiles(kv),
                        append.tablesF16() ? "HalfPositions" : "FloatPositions", append.interleaved(), rotates ? "cos, sin" : "nullptr, nullptr",
                        numbers(launch)))
                .launch(kernels, rows, blocks(launch), splits(launch));
    }

    /** Whether a step's keys and values have room in a block, and its blocks counters. */
    static boolean fitsOneKernel(AttentionLaunch launch, int rows) {
        KvFormat kv = launch.kv();
        long made = (long) stepRows(rows) * (kv.dim() * (kv.k().bits() + kv.v().bits()) / 8 + 8);
        return rows <= MOST_STEP_ROWS && made <= MOST_MADE_BYTES && stepRows(rows) * blocks(launch) <= CudaProgram.COUNTERS;
    }

    private static int stepRows(int rows) {
        return rows <= FEWER_STEP_ROWS ? FEWER_STEP_ROWS : MOST_STEP_ROWS;
    }

    /** What the launches need of the device's scratch. */
    static long scratchBytes(AttentionLaunch launch, int maxRows) {
        long most = partsBytes(launch, Math.min(maxRows, MOST_STEP_ROWS) * blocks(launch), queries(launch));
        for (int rows : RowBucket.sizes(maxRows)) {
            if (blocksOfSplits(launch, rows) > 1) {
                most = Math.max(most, partsBytes(launch, blocksOfRows(launch, rows), columns(launch)));
            }
        }
        return most;
    }

    /** What so many blocks of x and y leave of their splits: attention.cuh's {@code SplitParts}. */
    private static long partsBytes(AttentionLaunch launch, int blocks, int columns) {
        return 4L * blocks * splits(launch) * ((columns * (launch.kv().dim() + 2) + 3) / 4 * 4);
    }

    /** Splits of a row's positions at most: the same for any number of rows, since results follow from it. */
    private static int splits(AttentionLaunch launch) {
        return SPLITS.stream().filter(splits -> splits * blocks(launch) >= BUSY_BLOCKS).findFirst().orElse(SPLITS.get(SPLITS.size() - 1));
    }

    /** Blocks that share the splits of rows beyond {@value #MOST_STEP_ROWS}: several where rows alone keep no card busy. */
    private static int blocksOfSplits(AttentionLaunch launch, int rows) {
        return Math.max(1, Math.min(splits(launch), BUSY_BLOCKS / blocksOfRows(launch, rows)));
    }

    private static int blocksOfRows(AttentionLaunch launch, int rows) {
        int together = columns(launch) / queries(launch);
        return (rows + together - 1) / together * blocks(launch);
    }

    /** Columns of a block that meets several rows. */
    private static int columns(AttentionLaunch launch) {
        KvFormat kv = launch.kv();
        return !onTensorCores(kv) ? queries(launch) : isPaired(kv) ? MOST_PAIRED_QUERIES : MOST_QUERIES;
    }

    /** Whether a warp has registers for two tiles of columns: of f16, whose operands are what was loaded. */
    private static boolean isPaired(KvFormat kv) {
        return onTensorCores(kv) && kv.k().bits() + kv.v().bits() == 32 && kv.dim() <= LARGEST_PAIRED_DIM;
    }

    /** Whether scores and values go through tensor cores: elements of 16 bits and fewer, loaded 8 at a time. */
    private static boolean onTensorCores(KvFormat kv) {
        return kv.k().bits() <= 16 && kv.v().bits() <= 16 && kv.dim() % 8 == 0 && kv.dim() <= LARGEST_MATRIX_DIM;
    }

    /** Query heads of a row in a block. */
    private static int queries(AttentionLaunch launch) {
        int group = launch.heads() / launch.kv().heads();
        int most = isPaired(launch.kv()) ? MOST_PAIRED_QUERIES : onTensorCores(launch.kv()) ? MOST_QUERIES : Math.min(MOST_QUERIES, MOST_SUMS / ((launch.kv().dim() + 31) / 32 * 32));
        return Math.max(1, Math.min(most, group));
    }

    /** Blocks that meet a row, or the rows of a block: KV heads, and chunks of their queries. */
    private static int blocks(AttentionLaunch launch) {
        int group = launch.heads() / launch.kv().heads();
        int queries = queries(launch);
        return launch.kv().heads() * ((group + queries - 1) / queries);
    }

    private static CudaKernel sizes(CudaKernel kernel, AttentionLaunch launch) {
        KvFormat kv = launch.kv();
        return kernel.size("GROUP", launch.heads() / kv.heads()).size("KV_HEADS", kv.heads()).size("DIM", kv.dim())
                .size("QUERIES", queries(launch)).size("WINDOW", launch.window()).size("Y_STRIDE", launch.y().rowStride());
    }

    /** A line that says what {@code Shape} is. */
    private static String shape(AttentionLaunch launch, int columns, int made) {
        return "using Shape = AttentionShape<%s, DIM, %d, %d, %d, WINDOW, %s, %s, %s>;\n".formatted(pages(launch.kv()), columns, made, splits(launch),
                launch.softcap() > 0, launch.slopes().isPresent(), launch.sinks().isPresent());
    }

    private static CudaKernel ofHeads(CudaKernel kernel, AttentionLaunch launch) {
        return kernel.vector("slopes", launch.slopes()).vector("sinks", launch.sinks());
    }

    /** The arguments scale, cap, slopes, sinks. */
    private static String numbers(AttentionLaunch launch) {
        return "%s, %s, %s, %s".formatted(CudaKernel.literal(launch.scale()), CudaKernel.literal(launch.softcap()),
                launch.slopes().isPresent() ? "slopes" : "nullptr", launch.sinks().isPresent() ? "sinks" : "nullptr");
    }

    private static String tiles(KvFormat kv) {
        return onTensorCores(kv) ? "MatrixTiles" : "ScalarTiles";
    }

    private static String[] templates(KvFormat kv, String... more) {
        return Stream.concat(onTensorCores(kv) ? Stream.of("kv_cache.cuh", "tensor_cores.cuh", "attention_matrix.cuh")
                : Stream.of("kv_cache.cuh", "attention_scalar.cuh"), Stream.of(more)).toArray(String[]::new);
    }

    private static CudaKernel rowTables(CudaKernel kernel) {
        return kernel.step().parameter("const int *positions", "positions").parameter("const int *row_sequence", "row_sequence")
                .parameter("const int *page_table", "page_table");
    }

    private static String pages(KvFormat kv) {
        return "KvPages<%s, %s, KV_HEADS, DIM>".formatted(element(kv.k()), element(kv.v()));
    }

    private static String element(KvFormat.Element element) {
        return switch (element) {
            case F32 -> "KvFloat";
            case F16 -> "KvHalf";
            case U8 -> "KvCode<8>";
            case U4 -> "KvCode<4>";
        };
    }

    private static String suffix(AttentionLaunch launch) {
        return suffix(launch.kv()) + (launch.window() > 0 ? "_w" + launch.window() : "") + (launch.softcap() > 0 ? "_capped" : "")
                + (launch.slopes().isPresent() ? "_sloped" : "") + (launch.sinks().isPresent() ? "_sinks" : "");
    }

    private static String suffix(KvFormat kv) {
        return "kv" + kv.heads() + "_d" + kv.dim() + "_" + kv.k().name().toLowerCase(Locale.ROOT) + "_"
                + kv.v().name().toLowerCase(Locale.ROOT);
    }
}
