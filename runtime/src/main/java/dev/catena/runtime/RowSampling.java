package dev.catena.runtime;

import dev.catena.runtime.sampling.SamplingParameters;

/**
 * How a token is to be chosen for each selected row of a step, and which was. One object serves all steps: nothing is
 * allocated. Not thread-safe.
 */
public final class RowSampling {
    /** For rows that nobody wants a token of. */
    private static final SamplingParameters UNWANTED = SamplingParameters.greedy();
    private static final int[] NO_IDS = new int[0];

    private final SamplingParameters[] parameters;
    private final int[][] histories;
    private final int[] historyLengths;
    private final int[] positions;
    private final int[] tokens;
    private int rows;

    RowSampling(int mostRows) {
        parameters = new SamplingParameters[mostRows];
        histories = new int[mostRows][];
        historyLengths = new int[mostRows];
        positions = new int[mostRows];
        tokens = new int[mostRows];
    }

    /** Begins a step with so many selected rows, none of which is wanted yet. */
    void begin(int selectedRows) {
        rows = selectedRows;
        for (int row = 0; row < rows; row++) {
            want(row, UNWANTED, NO_IDS, 0, 0);
        }
    }

    /** A token of this row is wanted, with the meaning of {@link dev.catena.runtime.sampling.Sampler#sample}. */
    void want(int row, SamplingParameters how, int[] history, int historyLength, int position) {
        parameters[row] = how;
        histories[row] = history;
        historyLengths[row] = historyLength;
        positions[row] = position;
        tokens[row] = -1;
    }

    public int rows() {
        return rows;
    }

    public SamplingParameters parameters(int row) {
        return parameters[row];
    }

    public int[] history(int row) {
        return histories[row];
    }

    /** How many ids of the history count. */
    public int historyLength(int row) {
        return historyLengths[row];
    }

    /** The position that the chosen token will have. */
    public int position(int row) {
        return positions[row];
    }

    /** Sets what was chosen, −1 where the logits are not such that one can be. */
    public void choose(int row, int token) {
        tokens[row] = token;
    }

    int token(int row) {
        return tokens[row];
    }
}
