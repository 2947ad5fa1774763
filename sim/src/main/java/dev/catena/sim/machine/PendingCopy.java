package dev.catena.sim.machine;

/** A copy to shared memory that has been asked for and has not landed. */
interface PendingCopy {
    /** Offset in shared memory. */
    int target();

    /** Bytes written. */
    int size();

    /** Who asked for it. */
    int thread();

    Instruction at();
}
