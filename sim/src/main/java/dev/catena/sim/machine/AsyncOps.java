package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;

/** {@code cp.async} and fences, that of {@link BulkCopyOps bulk copies} among them (PTX ISA 9.7.9.25, 9.7.13). */
final class AsyncOps {
    private AsyncOps() {}

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        return switch (i.opcode()) {
            case "membar" -> i.has("proxy") ? refuse(k) : fence(i.has("cta"));
            case "fence" -> i.modifiers().get(0).startsWith("proxy") || i.has("mbarrier_init") ? asyncFence(k, i) : fence(i.has("cta"));
            default -> i.has("bulk") ? BulkCopyOps.decode(k, i) : copy(k, i);
        };
    }

    private static Instruction refuse(KernelDecoder k) {
        throw k.unsupported("");
    }

    /** {@code fence.proxy.async} of shared memory, and {@code fence.mbarrier_init}, of which copies need one. */
    private static Instruction asyncFence(KernelDecoder k, PtxInstruction i) {
        boolean init = i.has("mbarrier_init");
        if (!init && (!i.modifiers().get(0).equals("proxy") || !i.modifiers().get(1).equals("async") || i.has("global"))) {
            throw k.unsupported("");
        }
        return CompareOps.plain((w, active) -> {
            for (int m = active; m != 0; m &= m - 1) {
                int lane = Integer.numberOfTrailingZeros(m);
                w.block.shared.fenceMbarriers(w.index * Warp.LANES + lane);
                if (!init) {
                    w.block.shared.show(w, lane);
                }
            }
        });
    }

    private static Instruction fence(boolean blockScope) {
        return CompareOps.plain((w, active) -> w.fence(active, blockScope));
    }

    private static Instruction copy(KernelDecoder k, PtxInstruction i) {
        List<PtxOperand> o = i.operands();
        if (!i.has("async") || i.has("mbarrier")) {
            throw k.unsupported("");
        }
        if (i.has("commit_group")) {
            return CompareOps.plain((w, active) -> w.copies.commit(active));
        }
        if (i.has("wait_group") || i.has("wait_all")) {
            boolean all = i.has("wait_all");
            int keep = all ? 0 : (int) ((PtxOperand.Immediate) o.get(0)).bits();
            return all ? CompareOps.plain((w, active, at) -> w.copies.awaitAll(active, at))
                    : CompareOps.plain((w, active, at) -> w.copies.await(active, keep, at));
        }
        if (!i.has("shared") && !i.has("shared::cta") || !i.has("global")) {
            throw k.unsupported("");
        }
        AddressOperand target = new AddressOperand(k, o.get(0));
        AddressOperand source = new AddressOperand(k, o.get(1));
        int size = (int) ((PtxOperand.Immediate) o.get(2)).bits();
        if (size != 4 && size != 8 && size != 16 || i.has("cg") && size != 16) {
            throw k.unsupported("a copy of " + size + " bytes");
        }
        int readSlot = -1;
        CompareOps.Predicate ignored = null;
        if (o.size() > 3) {
            if (o.get(3) instanceof PtxOperand.Register r && r.register().type().equals("pred")) {
                ignored = CompareOps.predicate(k, o.get(3));
            } else {
                readSlot = k.from32(o.get(3));
            }
        }
        int reads = readSlot;
        CompareOps.Predicate ignore = ignored;
        MemoryAccess.Bytes bytes =
                (w, lane) -> ignore != null && (ignore.of(w) >> lane & 1) != 0 ? 0 : reads < 0 ? size : w.r32[reads][lane];
        return new Instruction(false, new MemoryAccess(MemoryAccess.Kind.LOAD, Space.GLOBAL, source, bytes, -1),
                MemoryAccess.of(MemoryAccess.Kind.STORE, Space.SHARED, target, size)) {
            @Override
            void run(Warp w, int active) {
                for (int m = active; m != 0; m &= m - 1) {
                    int lane = Integer.numberOfTrailingZeros(m);
                    int read = bytes.of(w, lane);
                    if (read < 0 || read > size) {
                        throw w.fault(FaultKind.OUT_OF_BOUNDS, lane, this, "a source of " + read + " bytes for a copy of " + size);
                    }
                    long from = source.of(w, lane);
                    if ((from & size - 1) != 0) {
                        throw w.fault(FaultKind.MISALIGNED, lane, this, size + " bytes at "
                                + w.memory.describe(Space.GLOBAL, from));
                    }
                    w.copies.start(lane, (int) target.of(w, lane), size, from, read, this);
                }
            }
        };
    }
}
