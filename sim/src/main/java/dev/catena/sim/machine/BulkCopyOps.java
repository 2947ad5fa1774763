package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;

/** {@code cp.async.bulk} of one dimension from global to the block's own shared memory (PTX ISA 9.7.9.25.4.1). */
final class BulkCopyOps {
    private static final int UNIT = 16;

    private BulkCopyOps() {}

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        List<PtxOperand> o = i.operands();
        List<String> m = i.modifiers();
        boolean hinted = i.has("L2::cache_hint");
        boolean loads = m.size() == (hinted ? 6 : 5) && m.get(2).matches("shared::c(luster|ta)") && m.get(3).equals("global")
                && m.get(4).equals("mbarrier::complete_tx::bytes");
        if (!loads || o.size() != (hinted ? 5 : 4)) {
            throw k.unsupported("");
        }
        AddressOperand target = new AddressOperand(k, o.get(0));
        AddressOperand source = new AddressOperand(k, o.get(1));
        int size = k.from32(o.get(2));
        AddressOperand mbarrier = new AddressOperand(k, o.get(3));
        return new Instruction(false,
                new MemoryAccess(MemoryAccess.Kind.LOAD, Space.GLOBAL, source, (w, lane) -> w.r32[size][lane], -1),
                new MemoryAccess(MemoryAccess.Kind.STORE, Space.SHARED, target, (w, lane) -> w.r32[size][lane], -1)) {
            @Override
            void run(Warp w, int active) {
                for (int lanes = active; lanes != 0; lanes &= lanes - 1) {
                    int lane = Integer.numberOfTrailingZeros(lanes);
                    int bytes = w.r32[size][lane];
                    long from = source.of(w, lane);
                    long to = target.of(w, lane);
                    if (bytes <= 0 || bytes % UNIT != 0 || bytes > Mbarrier.MOST || from % UNIT != 0 || to % UNIT != 0) {
                        throw w.fault(FaultKind.MISALIGNED, lane, this, bytes + " bytes from " + w.memory.describe(Space.GLOBAL, from)
                                + " to " + w.memory.describe(Space.SHARED, to) + "; all must be multiples of " + UNIT);
                    }
                    Mbarrier tells = MbarrierOps.find(w, Space.SHARED, mbarrier.of(w, lane), lane, this);
                    if (!tells.fenced) {
                        throw w.fault(FaultKind.MBARRIER, lane, this, "nothing shows the mbarrier's beginning to copies: fence.mbarrier_init "
                                + "or fence.proxy.async by the thread that made it");
                    }
                    w.block.copies.start(w, lane, to, bytes, from, tells, this);
                }
            }
        };
    }
}
