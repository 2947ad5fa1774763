package dev.catena.codegen.cuda;

import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.MatrixType;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What may be chosen of a linear layer's kernel: it decides the speed and at most the last bits of results. Which kernel it is,
 * the number of rows and the weights' storage say.
 *
 * @param kind     of the kernel
 * @param warps    of a block; {@link Kind#MANY_ROWS}: that have outputs of their own
 * @param inFlight {@link Kind#TOKENS}: loads of 128 bits that a lane has under way; {@link Kind#MANY_ROWS}: stages of x in shared
 *                 memory; else 1
 * @param resident {@link Kind#TOKENS}: blocks that the compiler leaves registers for on a multiprocessor; else 1
 */
public record LinearConfiguration(Kind kind, int warps, int inFlight, int resident) {
    /** Static shared memory that a block may have. */
    private static final int MOST_SHARED = 48 << 10;
    private static final int MOST_THREADS_OF_MULTIPROCESSOR = 1536;
    private static final int MOST_THREADS = 512;
    private static final Pattern TEXT = Pattern.compile("(tokens|rows|tile)_w([0-9]{1,2})(?:_f([0-9]{1,2})_r([0-9])|_s([0-9]))?");

    /** The three kernels of linear layers. */
    public enum Kind {
        /** Up to 16 rows with f16 or quantized weights: {@code linear_few_tokens.cuh}. */
        TOKENS,
        /** f32 weights, and groups that chunks of 32 columns don't fit: {@code linear_few_rows.cuh}. */
        FEW_ROWS,
        /** More rows: {@code linear_many_rows.cuh}. */
        MANY_ROWS
    }

    /** What is taken where nothing was measured. @param rows of the step */
    static LinearConfiguration standard(Kind kind, LinearLaunch launch, int rows) {
        return switch (kind) {
            // 16 rows take more registers than two blocks of 8 warps leave them; 3 bits are loaded three times in a row.
            case TOKENS -> rows <= 8 ? new LinearConfiguration(kind, 8, 8, 2)
                    : new LinearConfiguration(kind, 4, launch.type().element() == MatrixType.Element.U3 ? 16 : 8, 3);
            case FEW_ROWS -> new LinearConfiguration(kind, 4, 1, 1);
            case MANY_ROWS -> {
                ManyRowTile tile = ManyRowTile.of(rows);
                yield new LinearConfiguration(kind, tile.outputWarps(), tile.stages(LinearKernels.parts(launch)), 1);
            }
        };
    }

    /** All that a kernel of this kind can be made with, whatever it is good for. */
    public static List<LinearConfiguration> all(Kind kind) {
        List<LinearConfiguration> all = new ArrayList<>();
        for (int warps : kind == Kind.TOKENS ? new int[] {2, 4, 8} : kind == Kind.FEW_ROWS ? new int[] {2, 4, 8, 16} : new int[] {2, 4, 8}) {
            for (int inFlight : kind == Kind.TOKENS ? new int[] {4, 8, 16} : kind == Kind.FEW_ROWS ? new int[] {1} : new int[] {2, 3, 4}) {
                for (int resident = 1; resident <= (kind == Kind.TOKENS ? 4 : 1); resident++) {
                    if (warps * 32 * resident <= MOST_THREADS_OF_MULTIPROCESSOR) {
                        all.add(new LinearConfiguration(kind, warps, inFlight, resident));
                    }
                }
            }
        }
        return all;
    }

    /** Whether a kernel for this launch can be made so. @param rows of the step */
    boolean fits(LinearLaunch launch, int rows) {
        ManyRowTile tile = ManyRowTile.of(rows);
        return switch (kind) {
            case TOKENS -> tokenSharedBytes(launch, rows) <= MOST_SHARED;
            case FEW_ROWS -> true;
            case MANY_ROWS -> sharedBytes(launch, tile) <= MOST_SHARED && warps * tile.rowWarps() * 32 <= MOST_THREADS;
        };
    }

    /** What the stages of x take of a block's shared memory, each of 32 columns of f16. */
    int sharedBytes(LinearLaunch launch, ManyRowTile tile) {
        return inFlight * LinearKernels.parts(launch) * tile.rows() * 32 * 2;
    }

    /** What a block of linear_few_tokens.cuh has of shared memory: each warp's ring of weights and panel of x, and numbers for each row. */
    private int tokenSharedBytes(LinearLaunch launch, int rows) {
        int loadsOfSlot = switch (launch.type().element()) {
            case F16 -> 2;
            case U3 -> launch.type().group() % 128 == 0 || launch.type().groups() == 1 ? 3 : 2;
            default -> 1;
        };
        int ofKernel = LinearKernels.tokenRows(rows);
        int panel = 16 / ofKernel * Math.max(8, ofKernel * LinearKernels.parts(launch)) * 64;
        return warps * (Math.max(2, inFlight / loadsOfSlot) * loadsOfSlot * 512 + panel);
    }

    /** Such as {@code tokens_w8_f8_r2}; {@link #parse} reads it. */
    public String text() {
        return switch (kind) {
            case TOKENS -> "tokens_w" + warps + "_f" + inFlight + "_r" + resident;
            case FEW_ROWS -> "rows_w" + warps;
            case MANY_ROWS -> "tile_w" + warps + "_s" + inFlight;
        };
    }

    /** @throws IllegalArgumentException in one line, for what is no configuration that a kernel can be made with */
    public static LinearConfiguration parse(String text) {
        Matcher m = TEXT.matcher(text);
        if (m.matches()) {
            Kind kind = switch (m.group(1)) {
                case "tokens" -> Kind.TOKENS;
                case "rows" -> Kind.FEW_ROWS;
                default -> Kind.MANY_ROWS;
            };
            String inFlight = kind == Kind.TOKENS ? m.group(3) : m.group(5);
            LinearConfiguration read = new LinearConfiguration(kind, Integer.parseInt(m.group(2)), inFlight == null ? 1 : Integer.parseInt(inFlight),
                    m.group(4) == null ? 1 : Integer.parseInt(m.group(4)));
            if (all(kind).contains(read) && read.text().equals(text)) {
                return read;
            }
        }
        throw new IllegalArgumentException("'" + text + "' is no configuration of a linear layer's kernel");
    }
}
