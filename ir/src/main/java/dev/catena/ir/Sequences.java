package dev.catena.ir;

/**
 * The evaluator's {@code seqs}: for each row of a step its sequence and its position there, and the rows whose logits
 * are wanted.
 */
public record Sequences(int[] rowSequence, int[] positions, int[] selected) implements EvalValue {
  /** One sequence: {@code rows} rows from position {@code past}, all selected. */
  public static Sequences single(int past, int rows) {
    int[] sequence = new int[rows];
    int[] positions = new int[rows];
    int[] selected = new int[rows];
    for (int i = 0; i < rows; i++) {
      positions[i] = past + i;
      selected[i] = i;
    }
    return new Sequences(sequence, positions, selected);
  }

  public int rows() {
    return positions.length;
  }
}
