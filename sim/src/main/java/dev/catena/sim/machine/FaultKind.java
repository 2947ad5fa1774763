package dev.catena.sim.machine;

/** What a kernel did wrong. */
public enum FaultKind {
    OUT_OF_BOUNDS("access out of bounds"),
    MISALIGNED("misaligned access"),
    UNWRITTEN("read of memory never written"),
    READ_ONLY("write to read-only memory"),
    RACE("data race"),
    NON_COHERENT("ld.global.nc of memory written in the same launch"),
    PENDING_COPY("memory of an asynchronous copy touched before it was waited for"),
    MBARRIER("mbarrier used wrongly"),
    PENDING_PRODUCT("registers or memory of a wgmma touched before its group was waited for"),
    PRODUCT_FENCE("wgmma without the fence that it needs"),
    DESCRIPTOR("matrix descriptor that describes no matrix"),
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
