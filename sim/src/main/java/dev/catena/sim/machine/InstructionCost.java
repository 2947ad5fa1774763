package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a PTX instruction keeps busy, and about how many machine instructions it becomes. ptxas decides that; these are the rules
 * that hold mostly, by the table of native throughputs in the CUDA C++ Programming Guide ("Arithmetic Instructions") and by what
 * the cubins of our kernels hold.
 *
 * @param slots        machine instructions
 * @param multiplyAdds of a matrix product by one warp
 */
record InstructionCost(ExecutionUnit unit, int slots, int multiplyAdds) {
    private static final Pattern SHAPE = Pattern.compile("m(\\d+)n(\\d+)k(\\d+)");
    private static final int INTEGER_DIVISION = 20;
    private static final int ROUNDED_DIVISION = 10;
    private static final int ROUNDED_ROOT = 8;

    static InstructionCost of(PtxInstruction i) {
        String type = InstructionDecoder.lastType(i);
        boolean wide = type.endsWith("64") && !type.equals("f64");
        boolean isFloat = type.startsWith("f") || type.startsWith("bf");
        switch (i.opcode()) {
            case "mov", "cvta", "isspacep", "activemask":
                return none();
            case "ld", "st":
                return i.modifiers().stream().anyMatch(m -> m.startsWith("param")) ? none() : one(ExecutionUnit.LSU);
            case "bra", "brx", "call", "ret", "exit", "trap", "nanosleep", "bar", "barrier", "membar", "fence", "griddepcontrol",
                    "setmaxnreg":
                return one(ExecutionUnit.BRANCH);
            case "mma", "wgmma":
                return matrix(i);
            case "cvt":
                return conversion(i);
            case "mul", "mad", "fma", "mul24", "mad24":
                return type.equals("f64") ? one(ExecutionUnit.DOUBLE) : of(ExecutionUnit.FMA, wide && !i.has("wide") ? 4 : 1);
            case "div", "rem":
                return type.equals("f64") ? of(ExecutionUnit.DOUBLE, ROUNDED_DIVISION)
                        : isFloat ? of(ExecutionUnit.FMA, i.has("approx") ? 2 : ROUNDED_DIVISION)
                        : of(ExecutionUnit.ALU, wide ? 3 * INTEGER_DIVISION : INTEGER_DIVISION);
            case "sqrt", "rcp", "rsqrt":
                return type.equals("f64") ? of(ExecutionUnit.DOUBLE, ROUNDED_ROOT)
                        : of(ExecutionUnit.SFU, i.has("approx") ? 1 : ROUNDED_ROOT);
            case "ex2", "lg2", "sin", "cos", "tanh", "popc", "clz", "bfind", "brev":
                return one(ExecutionUnit.SFU);
            case "abs", "neg":
                return isFloat ? none() : of(ExecutionUnit.ALU, wide ? 2 : 1);
            case "add", "sub":
                return type.equals("f64") ? one(ExecutionUnit.DOUBLE) : isFloat ? one(ExecutionUnit.FMA)
                        : wide && isOffset(i) ? none() : of(ExecutionUnit.ALU, wide ? 2 : 1);
            case "atom", "red", "cp", "ldmatrix", "stmatrix", "movmatrix", "shfl", "match", "redux", "prefetch", "mbarrier":
                return one(ExecutionUnit.LSU);
            default:
                return of(ExecutionUnit.ALU, wide ? 2 : 1);
        }
    }

    /** A constant added to another register: ptxas writes it into the instruction that uses the address. */
    private static boolean isOffset(PtxInstruction i) {
        List<PtxOperand> o = i.operands();
        return o.size() == 3 && o.get(2) instanceof PtxOperand.Immediate && !o.get(0).equals(o.get(1));
    }

    /**
     * Between floats of 16 and 32 bits, and integers with their sign to wider ones, at the ALU's rate; between integers and floats at a
     * quarter of it. Of other integers, a part of the registers is taken, or a zero register put beside.
     */
    private static InstructionCost conversion(PtxInstruction i) {
        String to = null;
        String from = null;
        for (String modifier : i.modifiers()) {
            if (modifier.matches("[usbf](8|16|32|64)|f16x2|bf16|bf16x2")) {
                to = to == null ? modifier : to;
                from = modifier;
            }
        }
        boolean crosses = to != null && isFloat(to) != isFloat(from);
        if (to != null && !isFloat(to) && !isFloat(from) && !i.has("sat") && (bits(to) <= bits(from) || from.startsWith("u"))) {
            return none();
        }
        return one(crosses || i.has("f64") ? ExecutionUnit.SFU : ExecutionUnit.ALU);
    }

    /** 32 for {@code u32}. */
    private static int bits(String type) {
        return Integer.parseInt(type.substring(1));
    }

    private static boolean isFloat(String type) {
        return type.startsWith("f") || type.startsWith("bf");
    }

    private static InstructionCost matrix(PtxInstruction i) {
        for (String modifier : i.modifiers()) {
            Matcher shape = SHAPE.matcher(modifier);
            if (shape.matches()) {
                int ofAll = Integer.parseInt(shape.group(1)) * Integer.parseInt(shape.group(2)) * Integer.parseInt(shape.group(3));
                return new InstructionCost(ExecutionUnit.TENSOR, 1, i.opcode().equals("wgmma") ? ofAll / Warpgroup.WARPS : ofAll);
            }
        }
        return one(ExecutionUnit.BRANCH);      // wgmma.fence and its like
    }

    private static InstructionCost none() {
        return of(ExecutionUnit.NONE, 0);
    }

    private static InstructionCost one(ExecutionUnit unit) {
        return of(unit, 1);
    }

    private static InstructionCost of(ExecutionUnit unit, int slots) {
        return new InstructionCost(unit, slots, 0);
    }
}
