package dev.catena.runtime.cpu;

import dev.catena.runtime.DeviceException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Zeroed memory outside the Java heap, aligned to 4096 bytes. Only the address space is taken at once; memory follows when
 * it is first written. Must be closed, once; nothing may use it after that.
 */
final class NativeMemory implements AutoCloseable {
    /** From this size on, huge pages save more time than the memory they may waste is worth. */
    private static final long HUGE_FROM = 8L << 20;

    private final String purpose;
    private final long bytes;
    private long address;

    /** @param bytes may be 0 @throws DeviceException when there is no room for them */
    NativeMemory(String purpose, long bytes) {
        NativeStub.load();
        this.purpose = purpose;
        this.bytes = Math.max(bytes, 1);
        address = Native.reserve(this.bytes, bytes >= HUGE_FROM ? 1 : 0);
        if (address < 0) {
            throw new DeviceException("no room for " + bytes + " bytes of " + purpose);
        }
    }

    long address() {
        if (address == 0) {
            throw new IllegalStateException(purpose + " was given back");
        }
        return address;
    }

    long bytes() {
        return bytes;
    }

    /** A view of at most 2 GiB in native byte order, valid until {@link #close}: never hand it to an application. */
    ByteBuffer view(long offset, int length) {
        if (offset < 0 || length < 0 || offset > bytes - length) {
            throw new IndexOutOfBoundsException(offset + " + " + length + " of " + bytes + " bytes of " + purpose);
        }
        return Native.view(address() + offset, length).order(ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    public void close() {
        if (address != 0) {
            Native.unmap(address, bytes);
            address = 0;
        }
    }
}
