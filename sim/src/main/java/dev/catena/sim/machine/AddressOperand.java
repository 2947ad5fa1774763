package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxOperand;

/** {@code [register + offset]} or {@code [variable + offset]}, to an address in each lane. */
final class AddressOperand {
    private final int slot;
    private final boolean wide;
    private final long offset;

    private AddressOperand() {
        slot = -1;
        wide = true;
        offset = 0;
    }

    /** Address 0, for accesses whose place doesn't matter. */
    static AddressOperand zero() {
        return new AddressOperand();
    }

    AddressOperand(KernelDecoder k, PtxOperand operand) {
        if (!(operand instanceof PtxOperand.Address address)) {
            throw k.unsupported("an operand that is no address");
        }
        if (address.register() != null) {
            slot = k.slot(address.register());
            wide = KernelDecoder.isWide(address.register());
            offset = address.offset();
        } else {
            slot = -1;
            wide = true;
            offset = address.variable() == null ? address.offset() : k.address(address.variable(), address.offset());
        }
    }

    long of(Warp w, int lane) {
        return slot < 0 ? offset : (wide ? w.r64[slot][lane] : w.r32[slot][lane] & 0xFFFFFFFFL) + offset;
    }
}
