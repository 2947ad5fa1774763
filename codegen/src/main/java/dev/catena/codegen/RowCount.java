package dev.catena.codegen;

/** How many rows a launch works on: known only when the step runs. */
public enum RowCount {
    /** All token rows of the step. */
    STEP,
    /** The rows whose logits are wanted. */
    SELECTED
}
