package dev.catena.runtime.gpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Host memory that a GPU copies from and to while the host goes on. What a copy reads may be changed, and what it writes
 * be read, only after an event behind it was waited for. Must be closed, once.
 */
public final class PinnedMemory implements AutoCloseable {
    private final long address;
    private final ByteBuffer bytes;
    private Runnable free;

    /**
     * @param address of the first byte, as the driver knows it
     * @param bytes   a view of it
     * @param free    gives it back
     */
    public PinnedMemory(long address, ByteBuffer bytes, Runnable free) {
        this.address = address;
        this.bytes = bytes.order(ByteOrder.LITTLE_ENDIAN);
        this.free = free;
    }

    public long address() {
        return address;
    }

    /** All of it, in the order that both sides have; use the methods with an index, or a duplicate. */
    public ByteBuffer bytes() {
        return bytes;
    }

    @Override
    public void close() {
        if (free != null) {
            Runnable once = free;
            free = null;
            once.run();
        }
    }
}
