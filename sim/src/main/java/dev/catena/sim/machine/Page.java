package dev.catena.sim.machine;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Some bytes of memory, which of them were written, and who touched them last. Held with {@link #lock} where hosts share it. */
final class Page {
    private static final VarHandle SHORTS = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INTS = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LOCK;

    static {
        try {
            LOCK = MethodHandles.lookup().findVarHandle(Page.class, "locked", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    final byte[] data;
    /** A bit for each byte that was written; null when all count as written. */
    private final long[] written;
    /** Null for memory that nobody else can touch, or nobody may write. */
    final RaceShadow shadow;
    /** Whether a launch has written any of it. */
    boolean writtenByLaunch;
    private volatile int locked;

    /** @param tracked whether reads of unwritten bytes are to be found */
    Page(byte[] data, boolean tracked, boolean shared) {
        this.data = data;
        written = tracked ? new long[(data.length + 63) / 64] : null;
        shadow = shared ? new RaceShadow(data.length) : null;
    }

    /** Waits in a spin: pages are held for one warp instruction. */
    void lock() {
        int tries = 0;
        while (!LOCK.compareAndSet(this, 0, 1)) {
            if (++tries > 200) {
                Thread.yield();
            } else {
                Thread.onSpinWait();
            }
        }
    }

    void unlock() {
        locked = 0;
    }

    /** Whether all {@code bytes} (a power of two up to 16, aligned so) were written. */
    boolean isWritten(int offset, int bytes) {
        if (written == null) {
            return true;
        }
        long mask = (1L << bytes) - 1;
        return (written[offset >> 6] >>> offset & mask) == mask;
    }

    void markWritten(int offset, int bytes) {
        if (written != null) {
            written[offset >> 6] |= (1L << bytes) - 1 << offset;
        }
    }

    /** Forgets what was written. */
    void markUnwritten() {
        if (written != null) {
            Arrays.fill(written, 0);
        }
    }

    /** Marks any range, for the host. */
    void markRange(int from, int to) {
        for (int i = from; i < to; i++) {
            markWritten(i, 1);
        }
    }

    int load8(int offset) {
        return data[offset] & 0xFF;
    }

    int load16(int offset) {
        return (short) SHORTS.get(data, offset) & 0xFFFF;
    }

    int load32(int offset) {
        return (int) INTS.get(data, offset);
    }

    long load64(int offset) {
        return (long) LONGS.get(data, offset);
    }

    /** @param bytes 1, 2, 4 or 8 */
    long load(int offset, int bytes) {
        return switch (bytes) {
            case 1 -> load8(offset);
            case 2 -> load16(offset);
            case 4 -> load32(offset) & 0xFFFFFFFFL;
            default -> load64(offset);
        };
    }

    /** @param bytes 1, 2, 4 or 8 */
    void store(int offset, int bytes, long value) {
        switch (bytes) {
            case 1 -> data[offset] = (byte) value;
            case 2 -> SHORTS.set(data, offset, (short) value);
            case 4 -> INTS.set(data, offset, (int) value);
            default -> LONGS.set(data, offset, value);
        }
    }
}
