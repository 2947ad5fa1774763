package dev.catena.codegen.cuda;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.RopeAppendLaunch;
import java.util.List;
import java.util.Locale;

/**
 * Kernels that meet the cache: rotating and appending, and attention over its pages. With few rows in a step the positions
 * of a row are split over several blocks and joined by a second kernel.
 */
final class AttentionKernels {
    private static final int MOST_SPLIT_ROWS = 8;
    /** attention.cuh's constant of this name. */
    private static final int MOST_SPLITS = 16;
    private static final int THREADS = 128;
    /** Query heads of a block: what its lanes sum up must fit their registers. */
    private static final int MOST_QUERIES = 8;
    private static final int MOST_SUMS = 1024;

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

    static List<KernelLaunch> of(AttentionLaunch launch, int rows, KernelSet kernels) {
        KvFormat kv = launch.kv();
        int group = launch.heads() / kv.heads();
        int queries = queriesOfBlock(kv.dim(), group);
        int blocks = kv.heads() * ((group + queries - 1) / queries);
        boolean split = rows <= MOST_SPLIT_ROWS;
        CudaKernel attend = new CudaKernel("attention_h" + launch.heads() + "_" + suffix(kv)
                + (launch.window() > 0 ? "_w" + launch.window() : "") + (launch.softcap() > 0 ? "_capped" : "") + (split ? "_split" : ""),
                "Attention over the cache, " + queries + " query heads a block.", THREADS, "kv_cache.cuh", "attention.cuh");
        rowTables(attend).read("q", launch.q()).parameter("const uint8 *__restrict__ kv", "kv");
        if (split) {
            attend.parameter("float *parts", "scratch+0");
        } else {
            attend.write("y", launch.y());
        }
        attend.size("HEADS", launch.heads()).size("KV_HEADS", kv.heads()).size("DIM", kv.dim()).size("QUERIES", queries)
                .size("WINDOW", launch.window())
                .size("Q_STRIDE", launch.q().rowStride()).size("Y_STRIDE", split ? 0 : launch.y().rowStride())
                .body("""
                constexpr bool SPLIT = %s, CAPPED = %s;
                attend<%s, HEADS, KV_HEADS, DIM, QUERIES, WINDOW, CAPPED, SPLIT, Q_STRIDE, Y_STRIDE>(
                    step, positions, row_sequence, page_table, q, %s, %s, kv, %s);""".formatted(split, launch.softcap() > 0, pages(kv),
                CudaKernel.literal(launch.scale()), CudaKernel.literal(launch.softcap()), split ? "parts, nullptr" : "nullptr, y"));
        if (!split) {
            return List.of(attend.launch(kernels, rows, blocks));
        }
        int threads = CudaKernel.threadsForRow(kv.dim());
        KernelLaunch join = new CudaKernel("join_attention_h" + launch.heads() + "_d" + kv.dim(),
                "Joins the splits of attention.", threads, "kv_cache.cuh", "attention.cuh")
                .step().parameter("const int *positions", "positions")
                .parameter("const float *__restrict__ parts", "scratch+0").write("y", launch.y())
                .size("HEADS", launch.heads()).size("DIM", kv.dim()).size("Y_STRIDE", launch.y().rowStride())
                .size("WARPS", threads / 32).body("join_attention<HEADS, DIM, Y_STRIDE, WARPS>(step, positions, parts, y);")
                .launch(kernels, rows, launch.heads());
        return List.of(attend.launch(kernels, rows, blocks, MOST_SPLITS), join);
    }

    /** What the launches need of the device's scratch. */
    static long scratchBytes(AttentionLaunch launch, int maxRows) {
        return 4L * Math.min(maxRows, MOST_SPLIT_ROWS) * launch.heads() * MOST_SPLITS * (launch.kv().dim() + 2);
    }

    private static int queriesOfBlock(int dim, int group) {
        return Math.max(1, Math.min(Math.min(MOST_QUERIES, group), MOST_SUMS / ((dim + 31) / 32 * 32)));
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

    private static String suffix(KvFormat kv) {
        return "kv" + kv.heads() + "_d" + kv.dim() + "_" + kv.k().name().toLowerCase(Locale.ROOT) + "_"
                + kv.v().name().toLowerCase(Locale.ROOT);
    }
}
