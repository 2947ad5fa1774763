package dev.catena.ir;

/**
 * The sequences of a step: which rows belong to which sequence, at which positions, which rows' logits are wanted, and
 * which cache pages each sequence owns.
 */
public record SeqsType() implements Type {
  @Override
  public String text() {
    return "seqs";
  }

  @Override
  public String toString() {
    return text();
  }
}
