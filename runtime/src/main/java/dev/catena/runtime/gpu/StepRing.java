package dev.catena.runtime.gpu;

import dev.catena.runtime.Step;
import java.nio.ByteBuffer;

/**
 * The values of steps on their way to a GPU: pinned slots, used in turn, so that the next step can be written while copies
 * of those before have not been made yet. A slot is written again only when the event behind its copy has happened.
 */
final class StepRing implements AutoCloseable {
    private static final int SLOTS = 4;

    private final Gpu gpu;
    private final long stream;
    private final long[] addresses = new long[ChainMemory.STEP_VALUES];
    private final int[] offsets = new int[ChainMemory.STEP_VALUES];
    private final int slotBytes;
    private final PinnedMemory pinned;
    private final long[] copied = new long[SLOTS];
    private int next;

    StepRing(Gpu gpu, long stream, ChainMemory layout, GpuMemory memory) {
        this.gpu = gpu;
        this.stream = stream;
        long[] places = Region.offsets(layout.regions());
        for (int i = 0; i < offsets.length; i++) {
            offsets[i] = Math.toIntExact(places[i]);
            addresses[i] = memory.address(i);
        }
        slotBytes = Math.toIntExact(places[ChainMemory.STEP_VALUES]);
        pinned = gpu.pin(Math.multiplyExact(slotBytes, SLOTS));
        for (int i = 0; i < SLOTS; i++) {
            copied[i] = gpu.newEvent();
        }
    }

    /** Puts the copy of the step's values into the stream; the step may be changed when this returns. */
    void send(Step step) {
        int slot = next;
        next = (next + 1) % SLOTS;
        gpu.synchronizeEvent(copied[slot]);
        int at = slot * slotBytes;
        ByteBuffer bytes = pinned.bytes();
        bytes.putInt(at, step.rows()).putInt(at + 4, step.sequences()).putInt(at + 8, step.selected())
                .putInt(at + 12, step.pageTableStride());
        int tokens = put(at, ChainMemory.TOKENS, step.tokens(), step.rows());
        int positions = put(at, ChainMemory.POSITIONS, step.positions(), step.rows());
        int sequences = put(at, ChainMemory.ROW_SEQUENCE, step.rowSequence(), step.rows());
        int pages = put(at, ChainMemory.PAGE_TABLE, step.pageTable(), step.sequences() * step.pageTableStride());
        int selected = put(at, ChainMemory.SELECTED_ROWS, step.selectedRows(), step.selected());
        if (gpu.isolatesRegions()) {
            copy(ChainMemory.STEP, at, 16);
            copy(ChainMemory.TOKENS, at, tokens);
            copy(ChainMemory.POSITIONS, at, positions);
            copy(ChainMemory.ROW_SEQUENCE, at, sequences);
            copy(ChainMemory.PAGE_TABLE, at, pages);
            copy(ChainMemory.SELECTED_ROWS, at, selected);
        } else {
            gpu.copyIn(stream, addresses[0], pinned, at, offsets[ChainMemory.SELECTED_ROWS] + selected);
        }
        gpu.record(copied[slot], stream);
    }

    private int put(int slot, int region, ByteBuffer from, int ints) {
        pinned.bytes().put(slot + offsets[region], from, 0, ints * 4);
        return ints * 4;
    }

    private void copy(int region, int slot, int bytes) {
        gpu.forget(stream, addresses[region]);
        if (bytes > 0) {
            gpu.copyIn(stream, addresses[region], pinned, slot + offsets[region], bytes);
        }
    }

    @Override
    public void close() {
        for (long event : copied) {
            Closing.all(() -> gpu.closeEvent(event));
        }
        Closing.all(pinned::close);
    }
}
