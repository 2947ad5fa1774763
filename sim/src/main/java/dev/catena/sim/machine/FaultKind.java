package dev.catena.sim.machine;

/** What a kernel did wrong. */
public enum FaultKind {
    OUT_OF_BOUNDS("access out of bounds"),
    MISALIGNED("misaligned access"),
    UNWRITTEN("read of memory never written"),
    READ_ONLY("write to read-only memory"),
    RACE("data race"),
    NON_COHERENT("ld.global.nc of memory written in the same launch"),
    PENDING_COPY("memory of a cp.async touched before its group was waited for"),
    DEPENDENT("memory touched that an earlier launch may be writing, before griddepcontrol.wait"),
    BARRIER("barrier that not all threads reach"),
    LANES("mask that is not the lanes present"),
    DEADLOCK("no progress"),
    ARITHMETIC("undefined arithmetic"),
    TRAP("trap"),
    LAUNCH("launch refused");

    private final String text;

    FaultKind(String text) {
        this.text = text;
    }

    @Override
    public String toString() {
        return text;
    }
}
