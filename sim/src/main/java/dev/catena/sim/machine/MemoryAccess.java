package dev.catena.sim.machine;

/**
 * What an instruction reads or writes, for who counts what that costs.
 *
 * @param lanes that give an address, whatever else is active
 */
record MemoryAccess(Kind kind, Space space, AddressOperand address, Bytes bytes, int lanes) {
    enum Kind { LOAD, STORE, ATOMIC }

    /** Bytes at a lane's address; 0 where it has none. */
    @FunctionalInterface
    interface Bytes { int of(Warp warp, int lane); }

    static MemoryAccess of(Kind kind, Space space, AddressOperand address, int bytes) {
        return new MemoryAccess(kind, space, address, (w, lane) -> bytes, -1);
    }
}
