package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;

/** Branches, calls and ends (PTX ISA 9.7.12). */
final class ControlFlow {
    private ControlFlow() {}

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        return switch (i.opcode()) {
            case "bra" -> branch(k.target(i.operands().get(0)));
            case "brx" -> indexed(k, i);
            case "call" -> call(k, i);
            case "ret" -> k.function().text.entry() ? exit() : ret(k.function().index);
            case "exit" -> exit();
            case "nanosleep" -> CompareOps.plain((w, active) -> { });
            default -> new Instruction(false) {
                @Override
                void run(Warp w, int active) {
                    throw w.fault(FaultKind.TRAP, Integer.numberOfTrailingZeros(active), this, "the kernel stopped itself");
                }
            };
        };
    }

    private static Instruction branch(int target) {
        return new Instruction(true) {
            @Override
            boolean transfer(Warp w, int active) {
                if (active == w.mask) {
                    w.pc = target;
                } else if (active == 0) {
                    w.pc++;
                } else {
                    w.push(target, active);
                    w.push(pc + 1, w.mask & ~active);
                    return false;
                }
                return true;
            }
        };
    }

    private static Instruction indexed(KernelDecoder k, PtxInstruction i) {
        if (!i.has("idx")) {
            throw k.unsupported("");
        }
        int index = k.from32(i.operands().get(0));
        int[] targets = k.targets(i.operands().get(1));
        return new Instruction(true) {
            @Override
            boolean transfer(Warp w, int active) {
                w.push(pc + 1, w.mask & ~active);
                for (int m = active; m != 0; m &= m - 1) {
                    int lane = Integer.numberOfTrailingZeros(m);
                    int at = w.r32[index][lane];
                    if (at < 0 || at >= targets.length) {
                        throw w.fault(FaultKind.OUT_OF_BOUNDS, lane, this, "branch " + at + " of " + targets.length);
                    }
                    w.push(targets[at], 1 << lane);
                }
                return false;
            }
        };
    }

    static Instruction exit() {
        return new Instruction(true) {
            @Override
            boolean transfer(Warp w, int active) {
                w.exit(active);
                w.mask &= ~active;
                w.pc++;
                return w.mask != 0;
            }
        };
    }

    /** Lanes go back to where each of them came from. */
    static Instruction ret(int function) {
        return new Instruction(true) {
            @Override
            boolean transfer(Warp w, int active) {
                w.push(pc + 1, w.mask & ~active);
                for (int m = active; m != 0; m &= m - 1) {
                    int lane = Integer.numberOfTrailingZeros(m);
                    w.push(w.returns[function][lane], 1 << lane);
                }
                return false;
            }
        };
    }

    /** A call that copies its arguments before and takes the result after, in {@code .param} memory. */
    private static Instruction call(KernelDecoder k, PtxInstruction i) {
        List<PtxOperand> o = i.operands();
        int at = 0;
        List<PtxOperand> results = List.of();
        if (o.get(0) instanceof PtxOperand.Arguments list) {
            results = list.elements();
            at = 1;
        }
        if (!(o.get(at) instanceof PtxOperand.Function name)) {
            throw k.unsupported("indirect call");
        }
        KernelDecoder.Function callee = k.function(name.name());
        List<PtxOperand> arguments = o.size() > at + 1 && o.get(at + 1) instanceof PtxOperand.Arguments list ? list.elements() : List.of();
        if (callee.text.parameters().size() != arguments.size() || callee.text.returns().size() != results.size()) {
            throw k.unsupported("call with other parameters than " + name.name() + " has");
        }
        Copy[] before = new Copy[arguments.size()];
        for (int n = 0; n < before.length; n++) {
            before[n] = new Copy(offset(k, arguments.get(n)), k.callOffset(callee.text.parameters().get(n)),
                    (int) callee.text.parameters().get(n).bytes());
        }
        // The caller finds results in the callee's own return parameter: both names get one place.
        for (int n = 0; n < results.size(); n++) {
            k.sharePlace(results.get(n), callee.text.returns().get(n));
        }
        int function = callee.index;
        return new Instruction(true) {
            @Override
            boolean transfer(Warp w, int active) {
                w.push(pc + 1, w.mask & ~active);
                if (active == 0) {
                    return false;
                }
                for (int m = active; m != 0; m &= m - 1) {
                    int lane = Integer.numberOfTrailingZeros(m);
                    for (Copy copy : before) {
                        System.arraycopy(w.parameters[lane], copy.from, w.parameters[lane], copy.to, copy.bytes);
                    }
                    w.returns[function][lane] = pc + 1;
                }
                w.pc = callee.entry;
                w.mask = active;
                return true;
            }
        };
    }

    private record Copy(int from, int to, int bytes) {}

    private static int offset(KernelDecoder k, PtxOperand operand) {
        if (operand instanceof PtxOperand.Variable v) {
            return k.callOffset(v.variable());
        }
        throw k.unsupported("an argument that is no .param variable");
    }
}
