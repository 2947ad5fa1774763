package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;

/** Which family an opcode belongs to. */
final class InstructionDecoder {
    private InstructionDecoder() {}

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        return switch (i.opcode()) {
            case "add", "sub", "mul", "mad", "fma", "div", "abs", "neg", "min", "max", "rcp", "sqrt", "rsqrt", "sin", "cos",
                    "ex2", "lg2", "tanh", "copysign" -> switch (lastType(i)) {
                        case "f32", "f64" -> FloatOps.decode(k, i);
                        case "f16", "f16x2", "bf16", "bf16x2" -> HalfOps.decode(k, i);
                        default -> IntegerOps.decode(k, i);
                    };
            case "mul24", "mad24", "rem", "sad", "and", "or", "xor", "not", "cnot", "shl", "shr", "shf", "lop3", "prmt", "bfe",
                    "bfi", "bfind", "brev", "popc", "clz", "dp4a", "dp2a" -> IntegerOps.decode(k, i);
            case "addc", "subc", "madc" -> CarryOps.decode(k, i);
            case "testp" -> FloatOps.decode(k, i);
            case "setp", "set", "selp", "slct" -> CompareOps.decode(k, i);
            case "cvt" -> ConvertOps.decode(k, i);
            case "mov", "cvta", "isspacep" -> MoveOps.decode(k, i);
            case "ld", "ldu", "st", "prefetch", "prefetchu", "discard", "applypriority" -> LoadStore.decode(k, i);
            case "atom", "red" -> AtomicOps.decode(k, i);
            case "cp", "membar", "fence" -> AsyncOps.decode(k, i);
            case "griddepcontrol" -> DependentLaunch.decode(k, i);
            case "bra", "brx", "call", "ret", "exit", "trap", "nanosleep" -> ControlFlow.decode(k, i);
            case "bar", "barrier" -> BarrierSync.decode(k, i);
            case "shfl", "vote", "match", "redux", "activemask", "elect" -> WarpOps.decode(k, i);
            case "ldmatrix", "stmatrix", "movmatrix" -> MatrixMoves.decode(k, i);
            case "mbarrier" -> MbarrierOps.decode(k, i);
            case "wgmma", "setmaxnreg" -> WarpgroupOps.decode(k, i);
            case "mma" -> MatrixMultiply.decode(k, i);
            default -> throw new UnsupportedPtxException(i, "");
        };
    }

    /** The last modifier that is a type. */
    static String lastType(PtxInstruction i) {
        for (int k = i.modifiers().size() - 1; k >= 0; k--) {
            if (i.modifiers().get(k).matches("pred|[busf](8|16|32|64)|f16x2|bf16|bf16x2|[us]16x2|tf32")) {
                return i.modifiers().get(k);
            }
        }
        return "";
    }
}
