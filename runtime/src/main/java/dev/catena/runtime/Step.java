package dev.catena.runtime;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;

/**
 * The values of one step, as docs/cpu-abi.md has them: which tokens, where in their sequences, and which cache pages those
 * own. Written before each step in place, so that devices may keep its buffers' addresses. The rows of several sequences lie
 * end to end, those of one sequence by rising position.
 */
public final class Step {
    private final int maxRows;
    private final int maxSequences;
    private final int pageTableStride;
    private final ByteBuffer tokens;
    private final ByteBuffer positions;
    private final ByteBuffer rowSequence;
    private final ByteBuffer pageTable;
    private final ByteBuffer selectedRows;
    private final IntBuffer tokenInts;
    private final IntBuffer positionInts;
    private final IntBuffer sequenceInts;
    private final IntBuffer pageInts;
    private final IntBuffer selectedInts;
    private int rows;
    private int sequences;
    private int selected;
    /** The row with which the last sequence begins. */
    private int lastSequence;

    /**
     * @param maxSequences sequences that may share a step
     * @param pages        page ids that a sequence's table has room for
     */
    Step(int maxRows, int maxSequences, int pages) {
        this.maxRows = maxRows;
        this.maxSequences = maxSequences;
        pageTableStride = pages;
        tokens = ints(maxRows);
        positions = ints(maxRows);
        rowSequence = ints(maxRows);
        pageTable = ints(Math.multiplyExact(maxSequences, pages));
        selectedRows = ints(maxRows);
        tokenInts = tokens.asIntBuffer();
        positionInts = positions.asIntBuffer();
        sequenceInts = rowSequence.asIntBuffer();
        pageInts = pageTable.asIntBuffer();
        selectedInts = selectedRows.asIntBuffer();
    }

    private static ByteBuffer ints(int count) {
        return ByteBuffer.allocateDirect(Math.multiplyExact(Math.max(1, count), 4)).order(ByteOrder.nativeOrder());
    }

    /** Begins a step without rows. */
    void clear() {
        rows = 0;
        sequences = 0;
        selected = 0;
        lastSequence = 0;
    }

    /**
     * Adds {@code count} rows of one more sequence, none of them selected.
     *
     * @param ids      token ids, from {@code first} on
     * @param position of the first row
     * @param table    the sequence's page ids, {@code pages} of them
     */
    void add(int[] ids, int first, int count, int position, int[] table, int pages) {
        if (count < 1 || count > maxRows - rows || pages > pageTableStride || sequences == maxSequences) {
            throw new IllegalArgumentException(count + " rows after " + rows + ", " + pages + " pages, sequence " + sequences);
        }
        tokenInts.put(rows, ids, first, count);
        for (int i = 0; i < count; i++) {
            positionInts.put(rows + i, position + i);
            sequenceInts.put(rows + i, sequences);
        }
        pageInts.put(sequences * pageTableStride, table, 0, pages);
        lastSequence = rows;
        rows += count;
        sequences++;
    }

    /** Selects the last row of the sequence that was added last. @return its place among the selected rows */
    int selectLast() {
        selectedInts.put(selected, rows - 1);
        return selected++;
    }

    /** Selects all rows of the sequence that was added last. @return the place of the first among the selected rows */
    int selectAll() {
        int first = selected;
        for (int row = lastSequence; row < rows; row++) {
            selectedInts.put(selected++, row);
        }
        return first;
    }

    public int maxRows() {
        return maxRows;
    }

    public int maxSequences() {
        return maxSequences;
    }

    public int rows() {
        return rows;
    }

    public int selected() {
        return selected;
    }

    public int sequences() {
        return sequences;
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
