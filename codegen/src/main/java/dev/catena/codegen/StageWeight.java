package dev.catena.codegen;

import dev.catena.ir.Weight;

/**
 * A weight as one stage's launches read it. Which bytes that is, the target says.
 *
 * @param use  what it is read as
 * @param type its matrix type; for a vector [1, length], for a table of positions [rows, rotary]
 */
public record StageWeight(Weight weight, Use use, MatrixType type) {
  /** How launches read a weight. */
  public enum Use {
    /** The matrix of a {@link LinearLaunch}, which an {@link EmbeddingLaunch} may read, too. */
    LINEAR,
    /** The table of an {@link EmbeddingLaunch}. */
    EMBEDDING,
    /** A dense row-major f32 vector, or an f32 or f16 table of positions. */
    DENSE
  }
}
