package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;

/** {@code wgmma.*} (PTX ISA 9.7.15) and {@code setmaxnreg} (9.7.19.5): what four neighbouring warps do together. */
final class WarpgroupOps {
    private static final int FEWEST_REGISTERS = 24;
    private static final int MOST_REGISTERS = 256;

    private WarpgroupOps() {}

    private interface Act { void of(Warp w, Instruction at); }

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        if (!i.has("sync") || !i.has("aligned")) {
            throw k.unsupported("");
        }
        if (i.opcode().equals("setmaxnreg")) {
            return registers(k, i);
        }
        return switch (i.modifiers().get(0)) {
            case "fence" -> together((w, at) -> w.products.fence());
            case "commit_group" -> together((w, at) -> w.products.commit());
            case "wait_group" -> {
                int keep = (int) ((PtxOperand.Immediate) i.operands().get(0)).bits();
                yield together((w, at) -> w.products.await(keep));
            }
            case "mma_async" -> WarpgroupMultiply.decode(k, i);
            default -> throw k.unsupported("");
        };
    }

    /** Registers are not counted here: only what any GPU would refuse. */
    private static Instruction registers(KernelDecoder k, PtxInstruction i) {
        long count = ((PtxOperand.Immediate) i.operands().get(0)).bits();
        if (!i.has("inc") && !i.has("dec") || count < FEWEST_REGISTERS || count > MOST_REGISTERS || count % 8 != 0) {
            throw k.unsupported(count + " registers; a multiple of 8 from " + FEWEST_REGISTERS + " to " + MOST_REGISTERS);
        }
        return together((w, at) -> { });
    }

    private static Instruction together(Act act) {
        return new WholeWarp() {
            @Override
            void perform(Warp w, int lanes) {
                WarpgroupOps.together(w, this, 0, 0);
                act.of(w, this);
            }
        };
    }

    /** Checks that the four warps of a group run the same instructions with the same matrices. */
    static void together(Warp w, Instruction at, long descriptorA, long descriptorB) {
        Warpgroup group = w.block.warpgroup(w.index);
        if (group == null) {
            throw w.fault(FaultKind.LANES, 0, at, "warp " + w.index + " is in no group of four warps");
        }
        Instruction other = group.step(w.index, at, descriptorA, descriptorB);
        if (other != null) {
            throw w.fault(FaultKind.LANES, 0, at, other == at ? "another warp of the group names another matrix"
                    : "another warp of the group is" + w.where(other.pc) + " (" + other.text.name() + ")");
        }
    }
}
