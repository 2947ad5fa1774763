package dev.catena.codegen.cpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/** Native memory, 64-byte aligned, with a pattern behind each block that shows when code writes too far. */
final class GuardedMemory implements AutoCloseable {
    private static final int GUARD = 256;
    private static final byte PATTERN = (byte) 0xFF; // as floats: NaN, so that reading it shows as well

    private final List<Block> blocks = new ArrayList<>();
    private final List<Block> unguarded = new ArrayList<>(); // kept here, else JavaCPP frees what Java can't reach

    /** A block: all of its memory, and where its aligned content begins within and ends. */
    record Block(BytePointer memory, ByteBuffer all, int start, long bytes) {
        long address() {
            return memory.address() + start;
        }

        /** The content, as a buffer of its own. */
        ByteBuffer buffer() {
            return all.slice(start, Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
        }
    }

    Block allocate(long bytes) {
        Block block = block(bytes);
        Pointer.memset(block.memory(), PATTERN, block.memory().capacity());
        blocks.add(block);
        return block;
    }

    /** Memory without guard or content. */
    Block untouched(long bytes) {
        Block block = block(bytes);
        unguarded.add(block);
        return block;
    }

    private static Block block(long bytes) {
        BytePointer memory = new BytePointer(bytes + 64 + GUARD);
        int start = (int) ((64 - memory.address() % 64) % 64);
        return new Block(memory, memory.asByteBuffer(), start, bytes);
    }

    Block of(byte[] content) {
        Block block = allocate(content.length);
        block.buffer().put(content);
        return block;
    }

    Block of(int[] content) {
        Block block = allocate(4L * content.length);
        block.buffer().asIntBuffer().put(content);
        return block;
    }

    Block of(float[] content) {
        Block block = allocate(4L * content.length);
        block.buffer().asFloatBuffer().put(content);
        return block;
    }

    Block of(long[] content) {
        Block block = allocate(8L * content.length);
        block.buffer().asLongBuffer().put(content);
        return block;
    }

    /** Fails if anything was written behind a block. */
    void checkGuards() {
        for (Block block : blocks) {
            int end = block.start() + Math.toIntExact(block.bytes());
            for (int i = end; i < end + GUARD; i++) {
                if (block.all().get(i) != PATTERN) {
                    throw new AssertionError("written " + (i - end) + " bytes behind a block of " + block.bytes());
                }
            }
        }
    }

    @Override
    public void close() {
        blocks.forEach(block -> block.memory().close());
        unguarded.forEach(block -> block.memory().close());
    }
}
