package dev.catena.sim.timing;

import dev.catena.artifact.Manifest;

/**
 * A step to be predicted.
 *
 * @param sequences     as many; each has as many of the rows
 * @param rowsOfEach    rows of a sequence
 * @param firstPosition of each sequence's first row
 */
public record StepShape(int sequences, int rowsOfEach, int firstPosition) {
    static final int PAGE = Manifest.Kv.PAGE_POSITIONS;

    public StepShape {
        if (sequences < 1 || rowsOfEach < 1 || firstPosition < 0 || (long) sequences * rowsOfEach > 1 << 16
                || (long) firstPosition + rowsOfEach > 1 << 27) {
            throw new IllegalArgumentException("a step of " + sequences + " × " + rowsOfEach + " rows from position " + firstPosition);
        }
    }

    /** One row of each sequence, each the last of so many positions. */
    public static StepShape decode(int sequences, int context) {
        return new StepShape(sequences, 1, context - 1);
    }

    /** The first rows of one sequence. */
    public static StepShape prefill(int rows) {
        return new StepShape(1, rows, 0);
    }

    /** Rows of all sequences. */
    public int rows() {
        return sequences * rowsOfEach;
    }

    int pagesOfEach() {
        return (firstPosition + rowsOfEach + PAGE - 1) / PAGE;
    }

    int[] positions() {
        return fill(row -> firstPosition + row % rowsOfEach);
    }

    int[] rowSequences() {
        return fill(row -> row / rowsOfEach);
    }

    private int[] fill(java.util.function.IntUnaryOperator ofRow) {
        return java.util.stream.IntStream.range(0, rows()).map(ofRow).toArray();
    }

    /** Each sequence has pages of its own; page 0 is reserved. */
    int[] pageTable() {
        return java.util.stream.IntStream.range(1, 1 + sequences * pagesOfEach()).toArray();
    }

    /** The last row of each sequence. */
    int[] selectedRows() {
        return java.util.stream.IntStream.rangeClosed(1, sequences).map(n -> n * rowsOfEach - 1).toArray();
    }
}
