package dev.catena.codegen.cuda;

import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.MatrixLayout;
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
 * @param inFlight {@link Kind#TOKENS}: loads of 128 bits that a lane has under way; {@link Kind#BULK}: stages of 128 columns of weights
 *                 that a warp has in shared memory; {@link Kind#MANY_ROWS}: stages of x there; else 1
 * @param resident {@link Kind#TOKENS} and {@link Kind#BULK}: blocks that the compiler leaves registers for on a multiprocessor; else 1
 */
public record LinearConfiguration(Kind kind, int warps, int inFlight, int resident) {
    /** Static shared memory that a block may have. */
    private static final int MOST_SHARED = 48 << 10;
    private static final int MOST_THREADS_OF_MULTIPROCESSOR = 1536;
    private static final int MOST_THREADS = 512;
    private static final Pattern TEXT = Pattern.compile("(tokens|bulk|rows|tile)_w([0-9]{1,2})(?:_[fs]([0-9]{1,2}))?(?:_r([0-9]))?");
    /** Half of what a multiprocessor of sm_90 has for blocks, less what each block takes for itself: two kernels overlap. */
    private static final int MOST_BULK_SHARED = (227 << 10) / 2 - (1 << 10);
    /** That an H200's multiprocessor has to have asked for (docs/sim.md). */
    private static final int BYTES_UNDER_WAY = 40 << 10;
    private static final int COLUMNS_OF_STAGE = 128;

    /** The kernels of linear layers. */
    public enum Kind {
        /** Up to 16 rows with f16 or quantized weights: {@code linear_few_tokens.cuh}. */
        TOKENS,
        /** Likewise, with weights by bulk copies: sm_90 and later, {@code linear_few_tokens_bulk.cuh}. */
        BULK,
        /** f32 weights, and groups that chunks of 32 columns don't fit: {@code linear_few_rows.cuh}. */
        FEW_ROWS,
        /** More rows: {@code linear_many_rows.cuh}. */
        MANY_ROWS;

        /** Whether a kernel of this kind may take the place of one of the other. */
        boolean does(Kind other) {
            return this == other || this == BULK && other == TOKENS;
        }
    }

    /** What is taken where nothing was measured. @param rows of the step */
    static LinearConfiguration standard(Kind kind, LinearLaunch launch, int rows) {
        return switch (kind) {
            // 16 rows take more registers than two blocks of 8 warps leave them; 3 bits are loaded three times in a row.
            case TOKENS -> rows <= 8 ? new LinearConfiguration(kind, 8, 8, 2)
                    : new LinearConfiguration(kind, 4, launch.type().element() == MatrixType.Element.U3 ? 16 : 8, 3);
            // So many stages that a block alone keeps a multiprocessor's share of the memory busy; of f16 fewer warps have room for two.
            case BULK -> {
                int ofWarps = rows <= 8 && launch.type().element() != MatrixType.Element.F16 ? 8 : 4;
                int stages = 2;
                while (bulkBytesUnderWay(launch, ofWarps, stages) < BYTES_UNDER_WAY) {
                    stages *= 2;
                }
                yield new LinearConfiguration(kind, ofWarps, stages, 2);
            }
            case FEW_ROWS -> new LinearConfiguration(kind, 4, 1, 1);
            case MANY_ROWS -> {
                ManyRowTile tile = ManyRowTile.of(rows);
                yield new LinearConfiguration(kind, tile.outputWarps(), tile.stages(LinearKernels.parts(launch)), 1);
            }
        };
    }

    /** All that a kernel of this kind can be made with, whatever it is good for. */
    public static List<LinearConfiguration> all(Kind kind) {
        int[] warpsOfKind = switch (kind) {
            case TOKENS, MANY_ROWS -> new int[] {2, 4, 8};
            case BULK -> new int[] {4, 8};
            case FEW_ROWS -> new int[] {2, 4, 8, 16};
        };
        int[] inFlightOfKind = switch (kind) {
            case TOKENS -> new int[] {4, 8, 16};
            case BULK -> new int[] {2, 4, 8, 16};
            case FEW_ROWS -> new int[] {1};
            case MANY_ROWS -> new int[] {2, 3, 4};
        };
        int mostResident = switch (kind) {
            case TOKENS -> 4;
            case BULK -> 3;
            case FEW_ROWS, MANY_ROWS -> 1;
        };
        List<LinearConfiguration> all = new ArrayList<>();
        for (int warps : warpsOfKind) {
            for (int inFlight : inFlightOfKind) {
                for (int resident = 1; resident <= mostResident; resident++) {
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
            case BULK -> fitsBulk(launch.type()) && bulkSharedBytes(launch, rows) <= MOST_BULK_SHARED;
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
        return warps * (Math.max(2, inFlight / loadsOfSlot) * loadsOfSlot * 512 + panelBytes(launch, rows));
    }

    /** x of a warp. */
    private static int panelBytes(LinearLaunch launch, int rows) {
        int ofKernel = LinearKernels.tokenRows(rows);
        return 16 / ofKernel * Math.max(8, ofKernel * LinearKernels.parts(launch)) * 64;
    }

    /** Whether stages of weights that come in bulk are whole and of one group. */
    private static boolean fitsBulk(MatrixType type) {
        return type.element() != MatrixType.Element.F32 && type.columns() % COLUMNS_OF_STAGE == 0
                && (!type.element().quantized() || type.groups() == 1 || type.group() % COLUMNS_OF_STAGE == 0);
    }

    /** Likewise of linear_few_tokens_bulk.cuh, where the launch gives it: each warp's ring is of two blocks of 16 outputs. */
    int bulkSharedBytes(LinearLaunch launch, int rows) {
        int pad = launch.type().element().quantized() ? 32 : 16;
        return warps * (2 * inFlight * (stageBytes(launch) + pad) + panelBytes(launch, rows)) + 4 * LinearKernels.tokenRows(rows);
    }

    /** What a stage is of a block of 16 outputs. */
    private static int stageBytes(LinearLaunch launch) {
        return COLUMNS_OF_STAGE * MatrixLayout.BLOCK_ROWS * launch.type().element().bits() / 8;
    }

    /** What a block has asked for before it waits: a run begins in the middle of a stage. */
    static int bulkBytesUnderWay(LinearLaunch launch, int warps, int stages) {
        return warps * (2 * stages - 1) * stageBytes(launch);
    }

    /** Such as {@code tokens_w8_f8_r2}; {@link #parse} reads it. */
    public String text() {
        return switch (kind) {
            case TOKENS -> "tokens_w" + warps + "_f" + inFlight + "_r" + resident;
            case BULK -> "bulk_w" + warps + "_s" + inFlight + "_r" + resident;
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
                case "bulk" -> Kind.BULK;
                case "rows" -> Kind.FEW_ROWS;
                default -> Kind.MANY_ROWS;
            };
            LinearConfiguration read = new LinearConfiguration(kind, Integer.parseInt(m.group(2)), m.group(3) == null ? 1 : Integer.parseInt(m.group(3)),
                    m.group(4) == null ? 1 : Integer.parseInt(m.group(4)));
            if (all(kind).contains(read) && read.text().equals(text)) {
                return read;
            }
        }
        throw new IllegalArgumentException("'" + text + "' is no configuration of a linear layer's kernel");
    }
}
