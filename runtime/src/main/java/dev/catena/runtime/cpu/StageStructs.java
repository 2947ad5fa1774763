package dev.catena.runtime.cpu;

/** Sizes and offsets of the structs in docs/cpu-abi.md, in bytes; a test compares them with the stub's. */
final class StageStructs {
    static final int STEP_ROWS = 0;
    static final int STEP_SEQUENCES = 4;
    static final int STEP_SELECTED = 8;
    static final int STEP_PAGE_TABLE_STRIDE = 12;
    static final int STEP_TOKENS = 16;
    static final int STEP_POSITIONS = 24;
    static final int STEP_ROW_SEQUENCE = 32;
    static final int STEP_PAGE_TABLE = 40;
    static final int STEP_SELECTED_ROWS = 48;
    static final int STEP_BYTES = 56;

    static final int STAGE_ARENA = 0;
    static final int STAGE_KV = 8;
    static final int STAGE_WEIGHTS = 16;
    static final int STAGE_STEP = 24;
    static final int STAGE_SCRATCH = 32;
    static final int STAGE_SCRATCH_STRIDE = 40;
    static final int STAGE_INPUT = 48;
    static final int STAGE_OUTPUT = 56;
    static final int STAGE_BYTES = 64;

    /** A pair (function, stage) for the team. */
    static final int CALL_BYTES = 16;

    private StageStructs() {}
}
