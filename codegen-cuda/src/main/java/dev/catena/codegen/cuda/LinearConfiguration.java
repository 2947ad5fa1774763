package dev.catena.codegen.cuda;

import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.MatrixType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What may be chosen of a linear layer's kernel: it decides the speed and at most the last bits of results. Which kernel it is,
 * the number of rows and the weights' storage say.
 *
 * @param kind     of the kernel
 * @param warps    of a block; {@link Kind#MANY_ROWS}: that have outputs of their own
 * @param inFlight {@link Kind#TOKENS}: loads of 128 bits that a lane has under way; {@link Kind#BULK}: stages of 128 columns of weights
 *                 that a warp has in shared memory; {@link Kind#MANY_ROWS}: stages of x there; else 1
 * @param resident {@link Kind#TOKENS} and {@link Kind#BULK}: blocks that the compiler leaves registers for on a multiprocessor; else 1
 * @param splits   {@link Kind#TOKENS} and {@link Kind#BULK}: blocks that share the columns of 32 outputs, of which the last to arrive adds what all have; else 1
 */
public record LinearConfiguration(Kind kind, int warps, int inFlight, int resident, int splits) {
    /** Static shared memory that a block may have. */
    private static final int MOST_SHARED = 48 << 10;
    private static final int MOST_THREADS_OF_MULTIPROCESSOR = 1536;
    private static final int MOST_THREADS = 512;
    private static final int REGISTERS_OF_MULTIPROCESSOR = 65536;
    private static final int MOST_REGISTERS = 255;
    private static final Pattern TEXT = Pattern.compile("(tokens|bulk|rows|tile)_w([0-9]{1,2})(?:_[fs]([0-9]{1,2}))?(?:_r([0-9]))?(?:_k([0-9]))?");
    /** Blocks of few rows' kernels that even a card of 82 multiprocessors has room for at once, two each. */
    private static final int FEW_BLOCKS = 160;
    /** Half of what a multiprocessor of sm_90 has for blocks, less what each block takes for itself: two kernels overlap. */
    private static final int MOST_BULK_SHARED = (227 << 10) / 2 - (1 << 10);
    /** That an H200's multiprocessor has to have asked for (docs/sim.md). */
    private static final int BYTES_UNDER_WAY = 40 << 10;
    private static final int COLUMNS_OF_STAGE = 128;
    /** 128 bits of each lane of a warp. */
    private static final int BYTES_OF_LOAD = 512;
    /** All warps' rings together, beside which what x becomes has room. */
    private static final int DEEPEST_DECLARED = 32 << 10;
    /** Up to 8 rows, for blocks of which a multiprocessor has one alone: as much under way as two of the usual ones. */
    private static final LinearConfiguration DEEP = new LinearConfiguration(Kind.TOKENS, 8, 16, 2, 1);
    /** Up to 8 rows, for many blocks: as many warps of a multiprocessor, but fewer of a block, so that what each does beside its columns is less of the work. */
    private static final LinearConfiguration SLIM = new LinearConfiguration(Kind.TOKENS, 4, 16, 4, 1);
    /** Blocks of outputs that may have their columns split: what these leave in scratch stays below 9 MiB. */
    private static final int MOST_SPLIT_BLOCKS = 1024;
    /** Warps of a block by the number of splits, for kernels of few rows: together they have about as many as one block has alone. */
    private static final Map<Integer, List<Integer>> WARPS_OF_SPLITS = Map.of(2, List.of(2, 4), 3, List.of(2), 4, List.of(2));
    /** Likewise with weights by bulk copies. */
    private static final Map<Integer, Integer> BULK_WARPS_OF_SPLITS = Map.of(2, 4, 3, 2);

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
            // 16 rows take more registers than 16 warps of a multiprocessor leave them (with one half a few bytes, not on all architectures); 3 bits are loaded
            // three times in a row. Blocks that are alone have to keep their multiprocessor's share of the memory busy by themselves.
            case TOKENS -> rows <= 8 ? new LinearConfiguration(kind, 8, 8, 2, 1)
                    : new LinearConfiguration(kind, 4, launch.type().element() == MatrixType.Element.U3 || LinearKernels.tokenBlocks(launch) <= FEW_BLOCKS ? 16 : 8, 3, 1);
            // So many stages that a block alone keeps a multiprocessor's share of the memory busy; of f16 fewer warps have room for two. What each warp
            // does beside its columns is less of the work where fewer warps share them.
            case BULK -> {
                boolean fewRows = rows <= 8 && launch.type().element() != MatrixType.Element.F16;
                int ofWarps = fewRows && LinearKernels.tokenBlocks(launch) <= FEW_BLOCKS ? 8 : 4;
                yield new LinearConfiguration(kind, ofWarps, bulkStages(launch, ofWarps, 1), fewRows && ofWarps == 4 ? 3 : 2, 1);
            }
            case FEW_ROWS -> new LinearConfiguration(kind, 4, 1, 1, 1);
            case MANY_ROWS -> {
                ManyRowTile tile = ManyRowTile.of(rows);
                yield new LinearConfiguration(kind, tile.outputWarps(), tile.stages(LinearKernels.parts(launch)), 1, 1);
            }
        };
    }

    /** Beside {@link #standard}, what a kernel of up to 16 rows may be made with where nothing was measured. */
    static List<LinearConfiguration> unusual(Kind kind, LinearLaunch launch, int rows) {
        Stream<LinearConfiguration> made = kind == Kind.BULK ? BULK_WARPS_OF_SPLITS.keySet().stream().sorted().map(splits -> splitBulk(launch, rows, splits))
                : Stream.concat(rows > 8 ? Stream.of() : Stream.of(LinearKernels.tokenBlocks(launch) <= FEW_BLOCKS ? DEEP : SLIM),
                        WARPS_OF_SPLITS.keySet().stream().sorted().map(splits -> split(launch, rows, splits)));
        return made.filter(c -> c.fits(launch, rows)).toList();
    }

    /** As {@link #standard}, for up to 16 rows, with the columns split between so many blocks, which leave as many registers and have as much under way. */
    static LinearConfiguration split(LinearLaunch launch, int rows, int splits) {
        LinearConfiguration whole = standard(Kind.TOKENS, launch, rows);
        int warps = WARPS_OF_SPLITS.get(splits).stream().filter(w -> w * splits <= Math.max(whole.warps, 2 * splits)).max(Integer::compare).orElseThrow();
        return new LinearConfiguration(Kind.TOKENS, warps, whole.inFlight, whole.warps * whole.resident / warps, splits);
    }

    /** Likewise with weights by bulk copies: the blocks of a multiprocessor together have as much under way as one has alone. */
    private static LinearConfiguration splitBulk(LinearLaunch launch, int rows, int splits) {
        int warps = BULK_WARPS_OF_SPLITS.get(splits);
        return new LinearConfiguration(Kind.BULK, warps, bulkStages(launch, warps, splits), (rows <= 8 ? 16 : 8) / warps, splits);
    }

    /** The fewest with which so many blocks together have asked for what a multiprocessor needs. */
    private static int bulkStages(LinearLaunch launch, int warps, int blocks) {
        int stages = 2;
        while (blocks * bulkBytesUnderWay(launch, warps, stages) < BYTES_UNDER_WAY) {
            stages += 2;
        }
        return stages;
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
            case BULK -> new int[] {2, 4, 6, 8, 10, 12, 16};
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
                        all.add(new LinearConfiguration(kind, warps, inFlight, resident, 1));
                    }
                }
            }
        }
        if (kind == Kind.BULK) {
            BULK_WARPS_OF_SPLITS.entrySet().stream().sorted(Map.Entry.comparingByKey()).forEach(of -> {
                for (int stages : inFlightOfKind) {
                    for (int warpsOfMultiprocessor : new int[] {8, 16}) {
                        all.add(new LinearConfiguration(kind, of.getValue(), stages, warpsOfMultiprocessor / of.getValue(), of.getKey()));
                    }
                }
            });
        }
        if (kind == Kind.TOKENS) {
            WARPS_OF_SPLITS.entrySet().stream().sorted(Map.Entry.comparingByKey()).forEach(of -> of.getValue().forEach(warps -> {
                for (int inFlight : new int[] {8, 16}) {
                    for (int warpsOfMultiprocessor : new int[] {12, 16}) {
                        all.add(new LinearConfiguration(kind, warps, inFlight, warpsOfMultiprocessor / warps, of.getKey()));
                    }
                }
            }));
        }
        return all;
    }

    /** Whether a kernel for this launch can be made so. @param rows of the step */
    boolean fits(LinearLaunch launch, int rows) {
        ManyRowTile tile = ManyRowTile.of(rows);
        return switch (kind) {
            case TOKENS -> isDeep() ? resident <= DEEP.resident : tokenSharedBytes(launch, rows) <= MOST_SHARED
                    && fitsSplit(launch);
            case BULK -> fitsBulk(launch.type()) && givenSharedBytes(launch, rows) <= MOST_BULK_SHARED && fitsSplit(launch);
            case FEW_ROWS -> true;
            case MANY_ROWS -> sharedBytes(launch, tile) <= MOST_SHARED && warps * tile.rowWarps() * 32 <= MOST_THREADS;
        };
    }

    private boolean fitsSplit(LinearLaunch launch) {
        return splits == 1 || LinearKernels.tokenBlocks(launch) <= MOST_SPLIT_BLOCKS && launch.type().columns() >= splits * COLUMNS_OF_STAGE;
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
        return warps * (Math.max(2, inFlight / loadsOfSlot) * loadsOfSlot * BYTES_OF_LOAD + panelBytes(launch, rows));
    }

    /** Of a kernel of few rows: what a block has asked for before it waits, where it has as many columns. */
    int bytesUnderWay(LinearLaunch launch) {
        return kind == Kind.BULK ? bulkBytesUnderWay(launch, warps, inFlight) : warps * inFlight * BYTES_OF_LOAD;
    }

    /** Whether the rings of a block's warps are more than a kernel may declare of shared memory: one block alone then has a multiprocessor's share under way. */
    private boolean isDeep() {
        return kind == Kind.TOKENS && warps * inFlight * BYTES_OF_LOAD > DEEPEST_DECLARED;
    }

    /** Whether an architecture has the instructions, and gives a block the shared memory. */
    boolean runsOn(CudaTarget target) {
        return kind == Kind.BULK ? target.copiesInBulk() : !isDeep() || target.copiesAsynchronously();
    }

    /** Shared memory that the launch gives each block; 0 where the kernel declares what it needs. */
    int givenSharedBytes(LinearLaunch launch, int rows) {
        return kind == Kind.BULK ? bulkSharedBytes(launch, rows) : isDeep() ? tokenSharedBytes(launch, rows) + 4 * LinearKernels.tokenRows(rows) : 0;
    }

    /** What the blocks of a kernel of few rows leave in scratch of their splits: linear_few_tokens.cuh's {@code OF_SPLIT}. */
    long splitBytes(LinearLaunch launch, int rows) {
        return splits == 1 ? 0 : 4L * LinearKernels.tokenBlocks(launch) * splits * LinearKernels.tokenRows(rows) * 33;
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
    private int bulkSharedBytes(LinearLaunch launch, int rows) {
        int pad = launch.type().element().quantized() ? 32 : 16;
        return warps * (2 * inFlight * (stageBytes(launch) + pad) + panelBytes(launch, rows)) + 4 * LinearKernels.tokenRows(rows);
    }

    /** What a stage is of a block of 16 outputs. */
    private static int stageBytes(LinearLaunch launch) {
        return COLUMNS_OF_STAGE * MatrixLayout.BLOCK_ROWS * launch.type().element().bits() / 8;
    }

    /** What a block has asked for before it waits: a run begins in the middle of a stage. */
    private static int bulkBytesUnderWay(LinearLaunch launch, int warps, int stages) {
        return warps * (2 * stages - 1) * stageBytes(launch);
    }

    /** Registers of a thread that the compiler has, so that {@link #resident} blocks fit; it gives them by eights. */
    private int registersLeft() {
        return Math.min(MOST_REGISTERS, REGISTERS_OF_MULTIPROCESSOR / (warps * 32 * resident) / 8 * 8);
    }

    /**
     * What ptxas takes for a kernel of few rows where nothing limits it, on sm_90: 108 to 125 where a product's eight columns hold all rows, with all their
     * halves; else 141 to 153, and of 16 rows of two halves 152 to 168.
     */
    private static int registersTaken(LinearLaunch launch, int rows) {
        int columns = LinearKernels.tokenRows(rows) * LinearKernels.parts(launch);
        return columns <= 8 ? 128 : 168;
    }

    /** Whether it leaves a kernel for so many rows what it needs; else a good part of that goes to memory and back. */
    public boolean leavesRegisters(LinearLaunch launch, int rows) {
        return kind == Kind.FEW_ROWS || kind == Kind.MANY_ROWS || 3 * registersLeft() >= 2 * registersTaken(launch, rows);
    }

    /** Whether both become one code for so many rows, but for a few registers: they differ in blocks that would have had room anyway. */
    public boolean becomesTheCodeOf(LinearConfiguration other, LinearLaunch launch, int rows) {
        int taken = registersTaken(launch, rows);
        return kind == other.kind && warps == other.warps && inFlight == other.inFlight && splits == other.splits
                && Math.min(registersLeft(), taken) == Math.min(other.registersLeft(), taken);
    }

    /** Such as {@code tokens_w8_f8_r2}, or {@code tokens_w4_f8_r4_k2} with the columns split in two; {@link #parse} reads it. */
    public String text() {
        return switch (kind) {
            case TOKENS -> "tokens_w" + warps + "_f" + inFlight + "_r" + resident + (splits == 1 ? "" : "_k" + splits);
            case BULK -> "bulk_w" + warps + "_s" + inFlight + "_r" + resident + (splits == 1 ? "" : "_k" + splits);
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
                    m.group(4) == null ? 1 : Integer.parseInt(m.group(4)), m.group(5) == null ? 1 : Integer.parseInt(m.group(5)));
            if (all(kind).contains(read) && read.text().equals(text)) {
                return read;
            }
        }
        throw new IllegalArgumentException("'" + text + "' is no configuration of a linear layer's kernel");
    }
}
