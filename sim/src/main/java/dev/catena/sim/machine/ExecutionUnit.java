package dev.catena.sim.machine;

/** The parts of a multiprocessor that instructions keep busy. */
public enum ExecutionUnit {
    /** f32 and packed f16 arithmetic, integer products. */
    FMA,
    /** Integer and logic operations, comparisons, selections. */
    ALU,
    /** Transcendental functions, conversions between integers and floats, bit counts. */
    SFU,
    /** f64 arithmetic. */
    DOUBLE,
    /** Loads, stores, atomics, copies, shuffles. */
    LSU,
    /** Matrix products. */
    TENSOR,
    /** Branches, barriers, fences. */
    BRANCH,
    /** What machine code has no instruction for: moves between registers, parameters, modifiers of operands. */
    NONE
}
