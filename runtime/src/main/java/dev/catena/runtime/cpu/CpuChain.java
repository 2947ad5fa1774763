package dev.catena.runtime.cpu;

import static dev.catena.runtime.cpu.StageStructs.*;

import dev.catena.artifact.Manifest;
import dev.catena.runtime.DeviceChain;
import dev.catena.runtime.Step;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Stages on a CPU device: the structs that their functions take, laid out once in native memory, and one native call for
 * each step. Neighbouring stages hand rows over through two buffers in turn; what only this step's stages need (arena,
 * scratch) they share, since they run one after the other.
 */
final class CpuChain implements DeviceChain {
    private final ThreadTeam team;
    private final Step step;
    private final List<NativeMemory> owned = new ArrayList<>();
    private final ByteBuffer stepStruct;
    private final long calls;
    private final int allCalls;
    /** Calls before the first stage that works on selected rows alone: enough when none is selected. */
    private final int rowCalls;
    private final int inputWidth;
    private final int outputWidth;
    private final boolean outputSelected;
    private final long input;
    private final long output;
    private final long[] kvBlocks;
    private final long[] kvPageBytes;
    private final int pages;

    CpuChain(CpuModel model, ThreadTeam team, List<Manifest.Stage> stages, Step step, int pages, int liveRows) {
        this.team = team;
        this.step = step;
        this.pages = pages;
        boolean built = false;
        try {
            allCalls = stages.size();
            rowCalls = (int) stages.stream().filter(stage -> stage.output().kind().equals("rows")).count();
            Manifest.Stage last = stages.get(stages.size() - 1);
            inputWidth = stages.get(0).input().kind().equals("tokens") ? 0 : stages.get(0).input().width();
            outputWidth = last.output().width();
            outputSelected = last.output().kind().equals("selected");

            long arena = take("activations", most(stages, stage -> model.codeOf(stage).arenaBytes()));
            // Whole pages, so that no two threads write to one line of the cache.
            long scratchStride = roundUp(most(stages, stage -> model.codeOf(stage).scratchBytes()), 4096);
            long scratch = take("scratch memory", scratchStride * team.threads());
            input = take("input rows", 4L * inputWidth * step.maxRows());
            long[] outputs = outputs(stages, liveRows);
            output = outputs[stages.size() - 1];

            kvBlocks = new long[stages.size()];
            kvPageBytes = new long[stages.size()];
            for (int i = 0; i < stages.size(); i++) {
                if (stages.get(i).kv() != null) {
                    kvPageBytes[i] = stages.get(i).kv().pageBytes();
                    kvBlocks[i] = take("KV cache", Math.multiplyExact(kvPageBytes[i], (long) pages));
                }
            }

            long weightCount = stages.stream().mapToLong(stage -> stage.weights().size()).sum();
            long structBytes = STAGE_BYTES + (long) stages.size() * (STAGE_BYTES + CALL_BYTES) + weightCount * 8;
            NativeMemory structs = new NativeMemory("stage structs", structBytes);
            owned.add(structs);
            ByteBuffer view = structs.view(0, Math.toIntExact(structBytes));
            stepStruct = view;
            writeStep(view);
            int stagesAt = STAGE_BYTES;   // the step's struct has the first place, rounded up to a line
            int callsAt = stagesAt + stages.size() * STAGE_BYTES;
            int weightsAt = callsAt + stages.size() * CALL_BYTES;
            for (int i = 0; i < stages.size(); i++) {
                Manifest.Stage stage = stages.get(i);
                int at = stagesAt + i * STAGE_BYTES;
                view.putLong(at + STAGE_ARENA, arena);
                view.putLong(at + STAGE_KV, kvBlocks[i]);
                view.putLong(at + STAGE_WEIGHTS, structs.address() + weightsAt);
                view.putLong(at + STAGE_STEP, structs.address());
                view.putLong(at + STAGE_SCRATCH, scratch);
                view.putLong(at + STAGE_SCRATCH_STRIDE, scratchStride);
                view.putLong(at + STAGE_INPUT, i > 0 ? outputs[i - 1] : inputWidth > 0 ? input : 0);
                view.putLong(at + STAGE_OUTPUT, outputs[i]);
                for (long address : model.weights(stage)) {
                    view.putLong(weightsAt, address);
                    weightsAt += 8;
                }
                view.putLong(callsAt + i * CALL_BYTES, model.function(stage));
                view.putLong(callsAt + i * CALL_BYTES + 8, structs.address() + at);
            }
            calls = structs.address() + callsAt;
            built = true;
        } finally {
            if (!built) {
                close();
            }
        }
    }

    /** Where each stage writes: in turn into two buffers, each large enough for whoever writes to it. */
    private long[] outputs(List<Manifest.Stage> stages, int liveRows) {
        long[] bytes = new long[2];
        for (int i = 0; i < stages.size(); i++) {
            Manifest.Port port = stages.get(i).output();
            int rows = port.kind().equals("selected") ? liveRows : step.maxRows();
            bytes[i % 2] = Math.max(bytes[i % 2], 4L * port.width() * rows);
        }
        long[] buffers = {take("stage outputs", bytes[0]), take("stage outputs", bytes[1])};
        long[] outputs = new long[stages.size()];
        for (int i = 0; i < outputs.length; i++) {
            outputs[i] = buffers[i % 2];
        }
        return outputs;
    }

    private void writeStep(ByteBuffer view) {
        view.putInt(STEP_PAGE_TABLE_STRIDE, step.pageTableStride());
        view.putLong(STEP_TOKENS, Native.address(step.tokens()));
        view.putLong(STEP_POSITIONS, Native.address(step.positions()));
        view.putLong(STEP_ROW_SEQUENCE, Native.address(step.rowSequence()));
        view.putLong(STEP_PAGE_TABLE, Native.address(step.pageTable()));
        view.putLong(STEP_SELECTED_ROWS, Native.address(step.selectedRows()));
    }

    private long take(String purpose, long bytes) {
        NativeMemory memory = new NativeMemory(purpose, bytes);
        owned.add(memory);
        return memory.address();
    }

    @Override
    public void submit() {
        stepStruct.putInt(STEP_ROWS, step.rows());
        stepStruct.putInt(STEP_SEQUENCES, step.sequences());
        stepStruct.putInt(STEP_SELECTED, step.selected());
        team.run(calls, step.selected() == 0 ? rowCalls : allCalls);
    }

    /** The calling thread is one of the team, so a step has ended when {@link #submit} returns. */
    @Override
    public void await() {
    }

    @Override
    public int inputWidth() {
        return inputWidth;
    }

    @Override
    public int outputWidth() {
        return outputWidth;
    }

    @Override
    public boolean outputSelected() {
        return outputSelected;
    }

    @Override
    public void writeInput(ByteBuffer from, int rows) {
        long bytes = 4L * inputWidth * checkRows(rows, step.maxRows());
        checkRoom(from, bytes);
        Native.copy(input, Native.address(from), bytes);
    }

    @Override
    public void readOutput(int first, int rows, ByteBuffer into) {
        checkRows(first + rows, outputSelected ? step.selected() : step.rows());
        long bytes = 4L * outputWidth * rows;
        checkRoom(into, bytes);
        Native.copy(Native.address(into), output + 4L * outputWidth * first, bytes);
    }

    @Override
    public void copyPage(int from, int to) {
        if (from < 1 || to < 1 || from >= pages || to >= pages) {
            throw new IndexOutOfBoundsException("page " + from + " to " + to + " of " + pages);
        }
        for (int i = 0; i < kvBlocks.length; i++) {
            if (kvPageBytes[i] > 0) {
                Native.copy(kvBlocks[i] + to * kvPageBytes[i], kvBlocks[i] + from * kvPageBytes[i], kvPageBytes[i]);
            }
        }
    }

    @Override
    public long memoryBytes() {
        return owned.stream().mapToLong(NativeMemory::bytes).sum();
    }

    @Override
    public void close() {
        owned.forEach(NativeMemory::close);
        owned.clear();
    }

    private static int checkRows(int rows, int most) {
        if (rows < 0 || rows > most) {
            throw new IndexOutOfBoundsException(rows + " of " + most + " rows");
        }
        return rows;
    }

    private static void checkRoom(ByteBuffer buffer, long bytes) {
        if (!buffer.isDirect() || buffer.capacity() < bytes) {
            throw new IllegalArgumentException("a direct buffer of " + bytes + " bytes is needed");
        }
    }

    private static long most(List<Manifest.Stage> stages, java.util.function.ToLongFunction<Manifest.Stage> size) {
        return stages.stream().mapToLong(size).max().orElse(0);
    }

    private static long roundUp(long bytes, long to) {
        return (bytes + to - 1) / to * to;
    }
}
