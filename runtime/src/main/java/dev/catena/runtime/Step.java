package dev.catena.runtime;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;

/**
 * The values of one step, as docs/cpu-abi.md has them: which tokens, where in their sequence, and which cache pages that
 * owns. Written before each step in place, so that devices may keep its buffers' addresses. One sequence has all rows.
 */
public final class Step {
    private final int maxRows;
    private final int pageTableStride;
    private final ByteBuffer tokens;
    private final ByteBuffer positions;
    private final ByteBuffer rowSequence;
    private final ByteBuffer pageTable;
    private final ByteBuffer selectedRows;
    private final IntBuffer tokenInts;
    private final IntBuffer positionInts;
    private final IntBuffer pageInts;
    private final IntBuffer selectedInts;
    private int rows;
    private int selected;

    /** @param pages page ids that a sequence's table has room for */
    Step(int maxRows, int pages) {
        this.maxRows = maxRows;
        pageTableStride = pages;
        tokens = ints(maxRows);
        positions = ints(maxRows);
        rowSequence = ints(maxRows);
        pageTable = ints(pages);
        selectedRows = ints(maxRows);
        tokenInts = tokens.asIntBuffer();
        positionInts = positions.asIntBuffer();
        pageInts = pageTable.asIntBuffer();
        selectedInts = selectedRows.asIntBuffer();
    }

    private static ByteBuffer ints(int count) {
        return ByteBuffer.allocateDirect(Math.max(1, count) * 4).order(ByteOrder.nativeOrder());
    }

    /**
     * Sets a step of {@code count} rows of one sequence.
     *
     * @param ids      token ids, from {@code first} on
     * @param position of the first row
     * @param table    the sequence's page ids, {@code pages} of them
     */
    void set(int[] ids, int first, int count, int position, int[] table, int pages) {
        if (count < 1 || count > maxRows || pages > pageTableStride) {
            throw new IllegalArgumentException(count + " rows, " + pages + " pages");
        }
        tokenInts.put(0, ids, first, count);
        for (int i = 0; i < count; i++) {
            positionInts.put(i, position + i);
        }
        pageInts.put(0, table, 0, pages);
        rows = count;
    }

    void selectNone() {
        selected = 0;
    }

    void selectLast() {
        selected = 1;
        selectedInts.put(0, rows - 1);
    }

    void selectAll() {
        selected = rows;
        for (int i = 0; i < rows; i++) {
            selectedInts.put(i, i);
        }
    }

    public int maxRows() {
        return maxRows;
    }

    public int rows() {
        return rows;
    }

    public int selected() {
        return selected;
    }

    public int sequences() {
        return 1;
    }

    public int pageTableStride() {
        return pageTableStride;
    }

    public ByteBuffer tokens() {
        return tokens;
    }

    public ByteBuffer positions() {
        return positions;
    }

    public ByteBuffer rowSequence() {
        return rowSequence;
    }

    public ByteBuffer pageTable() {
        return pageTable;
    }

    public ByteBuffer selectedRows() {
        return selectedRows;
    }
}
