package dev.catena.runtime.cpu;

import static dev.catena.runtime.cpu.StageStructs.*;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs the function of a single piece on memory of its own, outside any artifact, and lets its caller look at every
 * intermediate result: what calibration needs. One sequence, whose cache pages lie in order. Not thread-safe.
 */
public final class PieceRunner implements AutoCloseable {
    private final CodeLibrary code;
    private final ThreadTeam team;
    private final List<NativeMemory> owned = new ArrayList<>();
    private final List<NativeMemory> weights = new ArrayList<>();
    private final NativeMemory arena;
    private final NativeMemory input;
    private final NativeMemory output;
    private final NativeMemory structs;
    private final ByteBuffer view;
    private final ByteBuffer tokens;
    private final ByteBuffer positions;
    private final ByteBuffer rowSequence;
    private final ByteBuffer pageTable;
    private final long call;

    /**
     * What a piece needs.
     *
     * @param symbol    the piece's function in the library
     * @param pageBytes of its cache, 0 without one
     * @param positions the longest sequence
     * @param rowBytes  of the wider of input and output rows
     */
    public record Needs(String symbol, long arenaBytes, long scratchBytes, long pageBytes, int positions, int maxRows,
            long rowBytes, List<Long> weightBytes) {}

    public PieceRunner(byte[] library, int threads, Needs needs) {
        code = new CodeLibrary(library);
        team = new ThreadTeam("calibration", threads);
        arena = take("activations", needs.arenaBytes());
        long stride = (needs.scratchBytes() + 4095) / 4096 * 4096;
        NativeMemory scratch = take("scratch memory", stride * threads);
        input = take("input rows", needs.rowBytes() * needs.maxRows());
        output = take("output rows", needs.rowBytes() * needs.maxRows());
        int pages = (needs.positions() + 63) / 64;
        NativeMemory kv = take("KV cache", needs.pageBytes() * (pages + 1));
        int stageAt = STAGE_BYTES;
        int callAt = stageAt + STAGE_BYTES;
        int weightsAt = callAt + CALL_BYTES;
        structs = take("stage structs", weightsAt + 8L * needs.weightBytes().size());
        view = structs.view(0, Math.toIntExact(structs.bytes()));
        tokens = ints(needs.maxRows());
        positions = ints(needs.maxRows());
        rowSequence = ints(needs.maxRows());
        pageTable = ints(pages);
        for (int page = 0; page < pages; page++) {
            pageTable.putInt(4 * page, page + 1);
        }
        view.putInt(STEP_PAGE_TABLE_STRIDE, pages);
        view.putInt(STEP_SEQUENCES, 1);
        view.putLong(STEP_TOKENS, Native.address(tokens));
        view.putLong(STEP_POSITIONS, Native.address(positions));
        view.putLong(STEP_ROW_SEQUENCE, Native.address(rowSequence));
        view.putLong(STEP_PAGE_TABLE, Native.address(pageTable));
        view.putLong(STEP_SELECTED_ROWS, Native.address(rowSequence));
        view.putLong(stageAt + STAGE_ARENA, arena.address());
        view.putLong(stageAt + STAGE_KV, kv.address());
        view.putLong(stageAt + STAGE_WEIGHTS, structs.address() + weightsAt);
        view.putLong(stageAt + STAGE_STEP, structs.address());
        view.putLong(stageAt + STAGE_SCRATCH, scratch.address());
        view.putLong(stageAt + STAGE_SCRATCH_STRIDE, stride);
        view.putLong(stageAt + STAGE_INPUT, input.address());
        view.putLong(stageAt + STAGE_OUTPUT, output.address());
        for (long bytes : needs.weightBytes()) {
            NativeMemory weight = take("weights", bytes);
            view.putLong(weightsAt + 8 * weights.size(), weight.address());
            weights.add(weight);
        }
        view.putLong(callAt, code.symbol(needs.symbol()));
        view.putLong(callAt + 8, structs.address() + stageAt);
        call = structs.address() + callAt;
    }

    private NativeMemory take(String purpose, long bytes) {
        NativeMemory memory = new NativeMemory(purpose, bytes);
        owned.add(memory);
        return memory;
    }

    private static ByteBuffer ints(int count) {
        return ByteBuffer.allocateDirect(Math.max(1, count) * 4).order(ByteOrder.nativeOrder());
    }

    /** Memory of a weight, from {@code offset} on: to be written before the next {@link #run}; gone after {@link #close}. */
    public ByteBuffer weight(int index, long offset, int bytes) {
        return weights.get(index).view(offset, bytes);
    }

    /** Where rows of the piece's input are to be put. */
    public ByteBuffer input(int bytes) {
        return input.view(0, bytes);
    }

    /** The piece's output rows. */
    public ByteBuffer output(int bytes) {
        return output.view(0, bytes);
    }

    /** A part of the activation arena. */
    public ByteBuffer arena(long offset, int bytes) {
        return arena.view(offset, bytes);
    }

    /** Runs {@code rows} rows that begin at {@code position}; {@code ids} are read by an embedding alone. */
    public void run(int[] ids, int rows, int position) {
        for (int r = 0; r < rows; r++) {
            tokens.putInt(4 * r, ids == null ? 0 : ids[r]);
            positions.putInt(4 * r, position + r);
        }
        view.putInt(STEP_ROWS, rows);
        view.putInt(STEP_SELECTED, 0);
        team.run(call, 1);
    }

    @Override
    public void close() {
        team.close();
        code.close();
        owned.forEach(NativeMemory::close);
        owned.clear();
    }
}
