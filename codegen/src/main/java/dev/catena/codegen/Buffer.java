package dev.catena.codegen;

/** A place in memory that a launch reads or writes. */
public sealed interface Buffer {
    /**
     * A range of the device's activation arena, reused by later values once this one is dead.
     *
     * @param offset its first byte, a multiple of 64
     * @param bytes its size; barriers are set by which ranges overlap
     */
    record Arena(long offset, long bytes) implements Buffer {
        public Arena {
            if (offset < 0 || offset % 64 != 0 || bytes <= 0) {
                throw new IllegalArgumentException("arena range at " + offset + " of " + bytes + " bytes");
            }
        }
    }

    /** What the stage before handed over: f32 rows. */
    record StageInput() implements Buffer {}

    /** What the stage hands on: f32 rows. */
    record StageOutput() implements Buffer {}

    /**
     * A weight of the stage, in the layout that the launch asks for.
     *
     * @param index its place in the stage's list of weights
     */
    record Weight(int index) implements Buffer {}
}
