package dev.catena.sim.machine;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Global memory that was allocated as one: it has bounds of its own, and takes room only where it is touched. Addresses
 * are far from every other allocation's, so that an index that runs away, also by 2^32, hits nothing.
 */
public final class Allocation {
    static final int PAGE_BITS = 12;
    static final int PAGE_BYTES = 1 << PAGE_BITS;
    private static final int LEAF_BITS = 12;
    /** Bits of an address below the allocation's number. */
    static final int ID_SHIFT = 40;
    private static final long FIRST_OFFSET = 1L << 38;
    /** The largest allocation: 256 GiB. */
    public static final long MAX_BYTES = 1L << 38;

    /** Gives the bytes of memory that is filled before the first launch. */
    @FunctionalInterface
    public interface Contents {
        /** Fills {@code into} with the bytes from {@code offset} on. */
        void read(long offset, byte[] into, int length);
    }

    private final String name;
    private final long bytes;
    private final long address;
    private final boolean readOnly;
    private final Contents contents;
    private final AtomicReferenceArray<AtomicReferenceArray<Page>> leaves;

    Allocation(String name, int id, long bytes, boolean readOnly, Contents contents) {
        if (bytes < 0 || bytes > MAX_BYTES) {
            throw new IllegalArgumentException(name + ": " + bytes + " bytes");
        }
        this.name = name;
        this.bytes = bytes;
        this.address = ((long) id << ID_SHIFT) + FIRST_OFFSET;
        this.readOnly = readOnly;
        this.contents = contents;
        leaves = new AtomicReferenceArray<>((int) ((bytes >>> PAGE_BITS + LEAF_BITS) + 1));
    }

    public String name() {
        return name;
    }

    public long bytes() {
        return bytes;
    }

    /** Its first byte's address, 256-byte aligned. */
    public long address() {
        return address;
    }

    boolean readOnly() {
        return readOnly;
    }

    /** The page that holds {@code offset}. */
    Page page(long offset) {
        int at = (int) (offset >>> PAGE_BITS + LEAF_BITS);
        AtomicReferenceArray<Page> leaf = leaves.get(at);
        if (leaf == null) {
            leaves.compareAndSet(at, null, new AtomicReferenceArray<>(1 << LEAF_BITS));
            leaf = leaves.get(at);
        }
        int in = (int) (offset >>> PAGE_BITS) & (1 << LEAF_BITS) - 1;
        Page page = leaf.get(in);
        if (page == null) {
            byte[] data = new byte[PAGE_BYTES];
            if (contents != null) {
                long start = offset & -PAGE_BYTES;
                contents.read(start, data, (int) Math.min(PAGE_BYTES, bytes - start));
            }
            leaf.compareAndSet(in, null, new Page(data, contents == null, !readOnly));
            page = leaf.get(in);
        }
        return page;
    }

    /** Copies from the host; the bytes count as written. No launch may be running. */
    public void write(long offset, ByteBuffer from, long length) {
        check(offset, length);
        for (long done = 0; done < length; ) {
            Page page = page(offset + done);
            int in = (int) (offset + done) & PAGE_BYTES - 1;
            int part = (int) Math.min(PAGE_BYTES - in, length - done);
            from.get((int) done, page.data, in, part);
            page.markRange(in, in + part);
            done += part;
        }
    }

    /** Writes 32-bit words. */
    public void writeInts(long offset, int... values) {
        ByteBuffer buffer = ByteBuffer.allocate(values.length * 4).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        buffer.asIntBuffer().put(values);
        write(offset, buffer, values.length * 4L);
    }

    /** Writes f32 values. */
    public void writeFloats(long offset, float... values) {
        ByteBuffer buffer = ByteBuffer.allocate(values.length * 4).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        buffer.asFloatBuffer().put(values);
        write(offset, buffer, values.length * 4L);
    }

    /** Counts all bytes as never written. No launch may be running. */
    public void forget() {
        for (int i = 0; i < leaves.length(); i++) {
            AtomicReferenceArray<Page> leaf = leaves.get(i);
            for (int n = 0; leaf != null && n < leaf.length(); n++) {
                Page page = leaf.get(n);
                if (page != null) {
                    page.markUnwritten();
                }
            }
        }
    }

    /** Counts all bytes as written, as zeros where nothing was: memory that is cleared at the start. */
    public void zero() {
        for (long offset = 0; offset < bytes; offset += PAGE_BYTES) {
            Page page = page(offset);
            java.util.Arrays.fill(page.data, (byte) 0);
            page.markRange(0, PAGE_BYTES);
        }
    }

    /**
     * Copies to the host.
     *
     * @throws SimFault when a byte was never written
     */
    public void read(long offset, ByteBuffer into, long length) {
        check(offset, length);
        for (long done = 0; done < length; ) {
            Page page = page(offset + done);
            int in = (int) (offset + done) & PAGE_BYTES - 1;
            int part = (int) Math.min(PAGE_BYTES - in, length - done);
            for (int i = 0; i < part; i++) {
                if (!page.isWritten(in + i, 1)) {
                    throw new SimFault(FaultKind.UNWRITTEN, "the host's copy", null, null, -1, -1,
                            "byte " + (offset + done + i) + " of " + name + " (" + bytes + " bytes)");
                }
            }
            into.put((int) done, page.data, in, part);
            done += part;
        }
    }

    /** The 32-bit words from {@code offset} on. */
    public int[] readInts(long offset, int count) {
        ByteBuffer buffer = ByteBuffer.allocate(count * 4).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        read(offset, buffer, count * 4L);
        int[] values = new int[count];
        buffer.asIntBuffer().get(values);
        return values;
    }

    /** The f32 values from {@code offset} on. */
    public float[] readFloats(long offset, int count) {
        int[] bits = readInts(offset, count);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = Float.intBitsToFloat(bits[i]);
        }
        return values;
    }

    /** Copies bytes within this allocation, written or not. */
    public void copy(long to, long from, long length) {
        check(from, length);
        check(to, length);
        for (long i = 0; i < length; i++) {
            Page source = page(from + i);
            int in = (int) (from + i) & PAGE_BYTES - 1;
            if (source.isWritten(in, 1)) {
                Page target = page(to + i);
                int at = (int) (to + i) & PAGE_BYTES - 1;
                target.data[at] = source.data[in];
                target.markWritten(at, 1);
            }
        }
    }

    private void check(long offset, long length) {
        if (offset < 0 || length < 0 || offset > bytes - length) {
            throw new IndexOutOfBoundsException(length + " bytes at " + offset + " of " + name + " (" + bytes + " bytes)");
        }
    }
}
