package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;

/** {@code bar.sync}, {@code bar.arrive}, {@code bar.red}, {@code bar.warp.sync} and {@code barrier} (PTX ISA 9.7.13). */
final class BarrierSync extends Collective {
    private enum Reduction { NONE, AND, OR, POPC }

    private final boolean aligned;
    private final boolean waits;
    private final Reduction reduction;
    private final int id;
    private final int count;
    private final int target;
    private final CompareOps.Predicate predicate;

    private BarrierSync(boolean aligned, boolean waits, Reduction reduction, int id, int count, int target,
            CompareOps.Predicate predicate) {
        this.aligned = aligned;
        this.waits = waits;
        this.reduction = reduction;
        this.id = id;
        this.count = count;
        this.target = target;
        this.predicate = predicate;
    }

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        List<PtxOperand> o = i.operands();
        if (i.has("warp")) {
            int members = k.from32(o.get(0));
            return new Collective() {
                @Override
                int required(Warp w, int lane) {
                    return w.r32[members][lane];
                }

                @Override
                void perform(Warp w, int lanes) {
                    w.synchronizeLanes(lanes);
                }
            };
        }
        if (i.has("cluster")) {
            throw k.unsupported("clusters");
        }
        boolean aligned = i.opcode().equals("bar") || i.has("aligned");
        if (i.has("red")) {
            Reduction reduction = i.has("popc") ? Reduction.POPC : i.has("and") ? Reduction.AND : Reduction.OR;
            CompareOps.Predicate p = CompareOps.predicate(k, o.get(o.size() - 1));
            int target = reduction == Reduction.POPC ? k.to32(o.get(0)) : k.toPredicate(o.get(0));
            return new BarrierSync(aligned, true, reduction, k.from32(o.get(1)), o.size() > 3 ? k.from32(o.get(2)) : -1, target, p);
        }
        return new BarrierSync(aligned, i.has("sync"), Reduction.NONE, k.from32(o.get(0)), o.size() > 1 ? k.from32(o.get(1)) : -1,
                -1, null);
    }

    @Override
    int required(Warp w, int lane) {
        return aligned ? w.existing : 1 << lane;
    }

    @Override
    FaultKind failure() {
        return FaultKind.BARRIER;
    }

    @Override
    boolean continues() {
        return false;
    }

    @Override
    void perform(Warp w, int lanes) {
        int lane = Integer.numberOfTrailingZeros(lanes);
        int barrier = w.r32[id][lane];
        int threads = count < 0 ? 0 : w.r32[count][lane];
        if (barrier < 0 || barrier > 15 || threads < 0 || threads % Warp.LANES != 0) {
            throw w.fault(FaultKind.BARRIER, lane, this, "barrier " + barrier + " for " + threads + " threads");
        }
        w.block.barrier(barrier).arrive(w, lanes, threads, predicate == null ? 0 : predicate.of(w) & lanes, waits, this);
    }

    /** Writes a reduction's result to the lanes that waited. */
    void release(Warp w, int lanes, int holding, int expected) {
        switch (reduction) {
            case POPC -> {
                for (int m = lanes; m != 0; m &= m - 1) {
                    w.r32[target][Integer.numberOfTrailingZeros(m)] = holding;
                }
            }
            case AND -> Plain.setPredicate(w, target, lanes, holding == expected ? -1 : 0);
            case OR -> Plain.setPredicate(w, target, lanes, holding > 0 ? -1 : 0);
            default -> { }
        }
    }
}
