package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;

/** {@code mbarrier.*} (PTX ISA 9.7.13.15) on objects of the block's own shared memory. */
final class MbarrierOps {
    private MbarrierOps() {}

    private interface Use { void of(Warp w, int lane, Mbarrier barrier, Instruction at); }

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        List<PtxOperand> o = i.operands();
        if (!i.has("b64") || i.has("cluster") || i.has("noComplete") || i.has("relaxed") && !i.has("expect_tx")) {
            throw k.unsupported("");
        }
        Space space = LoadStore.space(k, i);
        return switch (i.modifiers().get(0)) {
            case "init" -> init(space, new AddressOperand(k, o.get(0)), k.from32(o.get(1)));
            case "inval" -> invalidate(space, new AddressOperand(k, o.get(0)));
            case "expect_tx" -> {
                int bytes = k.from32(o.get(1));
                yield use(space, new AddressOperand(k, o.get(0)), (w, lane, b, at) -> expect(w, lane, b, w.r32[bytes][lane], at));
            }
            case "complete_tx" -> {
                int bytes = k.from32(o.get(1));
                yield use(space, new AddressOperand(k, o.get(0)), (w, lane, b, at) -> expect(w, lane, b, -(long) w.r32[bytes][lane], at));
            }
            case "arrive" -> arrive(k, i, space);
            case "test_wait", "try_wait" -> await(k, i, space);
            default -> throw k.unsupported("");
        };
    }

    private static Instruction init(Space space, AddressOperand address, int count) {
        return CompareOps.plain((w, active, at) -> {
            for (int m = active; m != 0; m &= m - 1) {
                int lane = Integer.numberOfTrailingZeros(m);
                int expected = w.r32[count][lane];
                if (expected < 1 || expected > Mbarrier.MOST) {
                    throw w.fault(FaultKind.MBARRIER, lane, at, "a phase of " + expected + " arrivals");
                }
                Page page = w.memory.find(space, address.of(w, lane), 8, lane, true, at);
                if (page != w.block.shared.page) {
                    throw w.fault(FaultKind.MBARRIER, lane, at, "it is not in shared memory");
                }
                w.memory.checkWrite(page, 8, lane, false, at);
                w.block.shared.begin(w.block, w.memory.offset, expected, w.index * Warp.LANES + lane);
            }
        });
    }

    private static Instruction invalidate(Space space, AddressOperand address) {
        return use(space, address, (w, lane, barrier, at) -> {
            w.block.shared.page.shadow.write(barrier.offset, 8, w, lane, false, at);
            w.block.shared.end(barrier);
        });
    }

    private static void expect(Warp w, int lane, Mbarrier barrier, long bytes, Instruction at) {
        if (!barrier.expect(bytes)) {
            throw w.fault(FaultKind.MBARRIER, lane, at, "it can't count the bytes: " + barrier.state());
        }
    }

    private static Instruction arrive(KernelDecoder k, PtxInstruction i, Space space) {
        List<PtxOperand> o = i.operands();
        int state = o.get(0) instanceof PtxOperand.Sink ? -1 : k.to64(o.get(0));
        boolean expects = i.has("expect_tx");
        int number = o.size() > 2 ? k.from32(o.get(2)) : -1;
        return use(space, new AddressOperand(k, o.get(1)), (w, lane, barrier, at) -> {
            if (state >= 0) {
                w.r64[state][lane] = barrier.phase();
            }
            if (expects) {
                expect(w, lane, barrier, w.r32[number][lane], at);
            }
            int count = expects || number < 0 ? 1 : w.r32[number][lane];
            if (count < 1 || !barrier.arrive(w, lane, count)) {
                throw w.fault(FaultKind.MBARRIER, lane, at, count + " arrivals, and " + barrier.state());
            }
        });
    }

    /** Tells whether a phase has ended; a wait that looks in vain lets a copy land, if chance says so. */
    private static Instruction await(KernelDecoder k, PtxInstruction i, Space space) {
        List<PtxOperand> o = i.operands();
        int p = k.toPredicate(o.get(0));
        boolean parity = i.has("parity");
        int which = parity ? k.from32(o.get(2)) : k.from64(o.get(2));
        AddressOperand address = new AddressOperand(k, o.get(1));
        return CompareOps.plain((w, active, at) -> {
            int done = 0;
            for (int m = active; m != 0; m &= m - 1) {
                int lane = Integer.numberOfTrailingZeros(m);
                Mbarrier barrier = find(w, space, address.of(w, lane), lane, at);
                long wanted = parity ? w.r32[which][lane] : w.r64[which][lane];
                if (parity ? wanted < 0 || wanted > 1 : barrier.phase() - wanted > 1 || wanted > barrier.phase()) {
                    throw w.fault(FaultKind.MBARRIER, lane, at, "it waits for phase " + wanted + ", and " + barrier.state());
                }
                if (parity ? (barrier.phase() & 1) != wanted : barrier.phase() > wanted) {
                    done |= 1 << lane;
                    w.learn(lane, barrier.completed());
                } else {
                    w.block.looked = true;
                }
            }
            if (done != active) {
                w.block.copies.landSome();
                w.yields = true;
            }
            Plain.setPredicate(w, p, active, done);
        });
    }

    private static Instruction use(Space space, AddressOperand address, Use use) {
        return CompareOps.plain((w, active, at) -> {
            for (int m = active; m != 0; m &= m - 1) {
                int lane = Integer.numberOfTrailingZeros(m);
                use.of(w, lane, find(w, space, address.of(w, lane), lane, at), at);
            }
        });
    }

    /** The object at an address, whose beginning the lane must know of. */
    static Mbarrier find(Warp w, Space space, long address, int lane, Instruction at) {
        Mbarrier barrier = w.memory.findBarrier(space, address, lane, at);
        w.block.shared.page.shadow.read(barrier.offset, 8, w, lane, true, true, at);
        return barrier;
    }
}
