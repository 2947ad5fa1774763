package dev.catena.sim.machine;

/** State spaces that addresses point into. */
enum Space {
    GENERIC(0), GLOBAL(0), SHARED(SharedMemory.WINDOW), LOCAL(MemoryPort.LOCAL_WINDOW);

    private final long window;

    Space(long window) {
        this.window = window;
    }

    /** The generic address of the space's address 0. */
    long window() {
        return window;
    }

    /** The space that a generic address points into. */
    static Space of(long generic) {
        return generic >>> 57 == 1 ? LOCAL : generic >>> 56 == 1 ? SHARED : GLOBAL;
    }
}
