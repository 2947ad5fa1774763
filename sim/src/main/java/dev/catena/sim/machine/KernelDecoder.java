package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxFunction;
import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxModule;
import dev.catena.sim.ptx.PtxOperand;
import dev.catena.sim.ptx.PtxRegister;
import dev.catena.sim.ptx.PtxVariable;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Turns a kernel and the functions it calls into {@link Instruction}s: gives registers, constants and special registers
 * slots in the register file, and variables addresses. What an instruction does, the decoders of its family know.
 */
final class KernelDecoder {
    /** Shared memory starts above zero, so that a null pointer is out of bounds. */
    private static final int FIRST_SHARED = 1024;
    private static final int FIRST_LOCAL = 64;
    private static final int LOCAL_GAP = 64;
    private static final int MAX_LOCAL = 512 * 1024;

    private final PtxModule module;
    private final PtxFunction kernel;
    private final Map<String, Allocation> globals;
    private final List<Instruction> code = new ArrayList<>();

    private int count32;
    private int count64;
    private int countPredicates;
    private boolean beginsEarly;
    private final Map<Integer, Integer> constants32 = new LinkedHashMap<>();
    private final Map<Long, Integer> constants64 = new LinkedHashMap<>();
    private final Map<String, Integer> specials = new LinkedHashMap<>();

    private final Map<String, Function> functions = new LinkedHashMap<>();
    private final Map<PtxVariable, Integer> localAddresses = new HashMap<>();
    private final List<int[]> locals = new ArrayList<>();
    private int localEnd = FIRST_LOCAL;
    private final Map<PtxVariable, Integer> callOffsets = new HashMap<>();
    private int callBytes;
    private final Map<String, Integer> sharedAddresses = new HashMap<>();
    private final List<Kernel.PlacedShared> shared = new ArrayList<>();
    private int sharedEnd = FIRST_SHARED;
    private int staticShared;
    private PtxVariable dynamic;
    private final Map<PtxVariable, Integer> parameterOffsets = new HashMap<>();
    private int parameterBytes;

    /** Of the instruction being decoded. */
    private Function function;
    private PtxInstruction current;

    /** A function and the place of its registers. */
    static final class Function {
        final PtxFunction text;
        final int index;
        final int[] slots;
        int entry = -1;

        Function(PtxFunction text, int index) {
            this.text = text;
            this.index = index;
            slots = new int[text.registers().size()];
        }
    }

    KernelDecoder(PtxModule module, PtxFunction kernel, Map<String, Allocation> globals) {
        this.module = module;
        this.kernel = kernel;
        this.globals = globals;
    }

    Kernel decode() {
        for (PtxVariable parameter : kernel.parameters()) {
            parameterBytes = (parameterBytes + parameter.align() - 1) / parameter.align() * parameter.align();
            parameterOffsets.put(parameter, parameterBytes);
            parameterBytes += (int) parameter.bytes();
        }
        List<Function> called = findFunctions();
        placeShared(called);
        called.forEach(this::placeRegisters);
        placeConstants(called);
        for (Function f : called) {
            decode(f);
        }
        return finish();
    }

    /** The kernel and what it calls, directly or not. */
    private List<Function> findFunctions() {
        List<Function> found = new ArrayList<>();
        List<PtxFunction> open = new ArrayList<>(List.of(kernel));
        while (!open.isEmpty()) {
            PtxFunction next = open.remove(0);
            if (functions.containsKey(next.name())) {
                continue;
            }
            Function f = new Function(next, found.size());
            functions.put(next.name(), f);
            found.add(f);
            for (PtxInstruction i : next.instructions()) {
                if (i.opcode().equals("call")) {
                    for (PtxOperand operand : i.operands()) {
                        if (operand instanceof PtxOperand.Function name) {
                            PtxFunction callee = module.functions().get(name.name());
                            if (callee == null) {
                                throw new UnsupportedPtxException(i, "function " + name.name() + " has no body");
                            }
                            open.add(callee);
                        }
                    }
                }
            }
        }
        refuseRecursion(found);
        return found;
    }

    /** Functions have one place for registers and for where they return to: what is left when nobody calls it any more is a circle. */
    private void refuseRecursion(List<Function> found) {
        Map<Function, Integer> callers = new HashMap<>();
        found.forEach(f -> calls(f).forEach(call -> callers.merge(call.callee(), 1, Integer::sum)));
        List<Function> uncalled = new ArrayList<>(found.stream().filter(f -> !callers.containsKey(f)).toList());
        for (int i = 0; i < uncalled.size(); i++) {
            for (Call call : calls(uncalled.get(i))) {
                if (callers.merge(call.callee(), -1, Integer::sum) == 0) {
                    uncalled.add(call.callee());
                }
            }
        }
        found.stream().filter(f -> !uncalled.contains(f)).flatMap(f -> calls(f).stream()).filter(call -> !uncalled.contains(call.callee()))
                .findFirst().ifPresent(call -> {
                    throw new UnsupportedPtxException(call.at(), "recursion");
                });
    }

    private record Call(PtxInstruction at, Function callee) {}

    private List<Call> calls(Function f) {
        List<Call> calls = new ArrayList<>();
        for (PtxInstruction i : f.text.instructions()) {
            for (PtxOperand operand : i.operands()) {
                if (i.opcode().equals("call") && operand instanceof PtxOperand.Function name) {
                    calls.add(new Call(i, functions.get(name.name())));
                }
            }
        }
        return calls;
    }

    private void placeRegisters(Function f) {
        for (PtxRegister register : f.text.registers()) {
            f.slots[register.index()] = switch (register.type()) {
                case "pred" -> countPredicates++;
                case "b64", "u64", "s64", "f64" -> count64++;
                case "b128" -> throw new UnsupportedPtxException(f.text.name() + ": sim doesn't know registers of type b128");
                default -> count32++;
            };
        }
        List<PtxVariable> own = new ArrayList<>(f.text.variables());
        if (!f.text.entry()) {
            own.addAll(f.text.returns());
            own.addAll(f.text.parameters());
        }
        for (PtxVariable variable : own) {
            if (variable.space().equals("local")) {
                localEnd = align(localEnd, Math.max(16, variable.align()));
                localAddresses.put(variable, localEnd);
                locals.add(new int[] {localEnd, localEnd + (int) variable.bytes()});
                localEnd += (int) variable.bytes() + LOCAL_GAP;
                if (localEnd > MAX_LOCAL) {
                    throw new UnsupportedPtxException(f.text.name() + ": more than " + MAX_LOCAL + " bytes of local memory");
                }
            } else if (variable.space().equals("param")) {
                callBytes = align(callBytes, 16);
                callOffsets.put(variable, callBytes);
                callBytes += (int) variable.bytes();
            }
        }
    }

    private void placeShared(List<Function> called) {
        List<PtxVariable> all = new ArrayList<>();
        module.variables().stream().filter(v -> v.space().equals("shared")).forEach(all::add);
        called.forEach(f -> f.text.variables().stream().filter(v -> v.space().equals("shared")).forEach(all::add));
        for (PtxVariable variable : all) {
            if (variable.extern()) {
                dynamic = dynamic == null || dynamic.align() < variable.align() ? variable : dynamic;
            } else if (isUsed(variable, called)) {
                sharedEnd = align(sharedEnd, Math.max(16, variable.align()));
                sharedAddresses.put(variable.name(), sharedEnd);
                shared.add(new Kernel.PlacedShared(variable.name(), sharedEnd, (int) variable.bytes()));
                sharedEnd += (int) variable.bytes() + SharedMemory.GAP;
                staticShared = align(staticShared, variable.align()) + (int) variable.bytes();
            }
        }
        if (dynamic != null) {
            sharedEnd = align(sharedEnd, Math.max(128, dynamic.align()));
            for (PtxVariable variable : all) {
                if (variable.extern()) {
                    sharedAddresses.put(variable.name(), sharedEnd);
                }
            }
            shared.add(new Kernel.PlacedShared(dynamic.name(), sharedEnd, -1));
        }
    }

    private boolean isUsed(PtxVariable variable, List<Function> called) {
        return called.stream().flatMap(f -> f.text.instructions().stream()).flatMap(i -> i.operands().stream())
                .anyMatch(o -> o instanceof PtxOperand.Variable v && v.variable().equals(variable)
                        || o instanceof PtxOperand.Address a && variable.equals(a.variable()));
    }

    /**
     * Constants and special registers get slots behind the registers. All that stand in the text are known before the
     * first instruction is decoded; those that a decoder makes up come after them.
     */
    private void placeConstants(List<Function> called) {
        for (Function f : called) {
            for (PtxInstruction i : f.text.instructions()) {
                for (PtxOperand operand : i.operands()) {
                    if (operand instanceof PtxOperand.Special special) {
                        if (!Kernel.isSpecial(special.name())) {
                            throw new UnsupportedPtxException(i, special.name());
                        }
                        if (!specials.containsKey(special.name())) {
                            specials.put(special.name(), count32++);
                        }
                    }
                }
            }
        }
    }

    private void decode(Function f) {
        function = f;
        f.entry = code.size();
        // Every PTX instruction is one instruction here, so labels keep their distance from the start.
        for (PtxInstruction text : f.text.instructions()) {
            current = text;
            Instruction i;
            try {
                i = InstructionDecoder.decode(this, text);
            } catch (ClassCastException | IndexOutOfBoundsException | NumberFormatException e) {
                throw unsupported("operands");     // of another kind or type, or fewer, than the forms that are known
            }
            i.pc = code.size();
            i.text = text;
            if (text.guard() != null) {
                i.guard = f.slots[text.guard().index()];
                i.guardNegated = text.guardNegated();
            }
            code.add(i);
        }
        // A function may end without ret.
        Instruction end = f.text.entry() ? ControlFlow.exit() : ControlFlow.ret(f.index);
        end.pc = code.size();
        end.text = new PtxInstruction(f.text.entry() ? "exit" : "ret", List.of(), null, false, List.of(), 0, null);
        code.add(end);
    }

    /** Tells each instruction which of its registers products use. */
    private void findProductRegisters() {
        BitSet used = new BitSet();
        for (Instruction i : code) {
            if (i instanceof WarpgroupMultiply product) {
                java.util.Arrays.stream(product.d).forEach(used::set);
                java.util.Arrays.stream(product.a).forEach(used::set);
            }
        }
        for (Function f : used.isEmpty() ? List.<Function>of() : functions.values()) {
            for (int at = 0; at < f.text.instructions().size(); at++) {
                Instruction i = code.get(f.entry + at);
                if (!(i instanceof WarpgroupMultiply)) {
                    i.productRegisters = f.text.instructions().get(at).operands().stream().flatMap(KernelDecoder::registers)
                            .filter(r -> !isWide(r) && !r.type().equals("pred")).mapToInt(r -> f.slots[r.index()]).filter(used::get).distinct().toArray();
                }
            }
        }
    }

    private static Stream<PtxRegister> registers(PtxOperand operand) {
        if (operand instanceof PtxOperand.Register r) {
            return Stream.of(r.register());
        } else if (operand instanceof PtxOperand.Address a && a.register() != null) {
            return Stream.of(a.register());
        } else if (operand instanceof PtxOperand.Vector v) {
            return v.elements().stream().flatMap(KernelDecoder::registers);
        } else if (operand instanceof PtxOperand.Pair p) {
            return Stream.concat(registers(p.first()), registers(p.second()));
        }
        return Stream.empty();
    }

    private Kernel finish() {
        findProductRegisters();
        int[][] values32 = new int[constants32.size()][Warp.LANES];
        constants32.forEach((value, at) -> java.util.Arrays.fill(values32[at - count32], value));
        long[][] values64 = new long[constants64.size()][Warp.LANES];
        constants64.forEach((value, at) -> java.util.Arrays.fill(values64[at - count64], value));
        return new Kernel(kernel.name(), code.toArray(Instruction[]::new), functions.get(kernel.name()).entry,
                countPredicates, count32, count64, values32, values64, specials,
                locals.stream().mapToInt(l -> l[0]).toArray(), locals.stream().mapToInt(l -> l[1]).toArray(), callBytes,
                functions.values().stream().mapToInt(f -> f.entry).toArray(), List.copyOf(shared), staticShared, parameterBytes, kernel.maxThreads(), beginsEarly);
    }

    /** The kernel waits for the launches before it by itself. */
    void mayBeginEarly() {
        beginsEarly = true;
    }

    private static int align(int at, int to) {
        return (at + to - 1) / to * to;
    }

    // What the decoders of instructions ask for.

    UnsupportedPtxException unsupported(String why) {
        return new UnsupportedPtxException(current, why);
    }

    /** The function that the instruction is in. */
    Function function() {
        return function;
    }

    Function function(String name) {
        return functions.get(name);
    }

    /** Code index of a label of the current function. */
    int target(PtxOperand operand) {
        if (operand instanceof PtxOperand.Target target) {
            return function.entry + target.index();
        }
        throw unsupported("no label");
    }

    int[] targets(PtxOperand operand) {
        if (operand instanceof PtxOperand.Targets targets) {
            int[] pcs = targets.indices().clone();
            for (int i = 0; i < pcs.length; i++) {
                pcs[i] += function.entry;
            }
            return pcs;
        }
        throw unsupported("no branch targets");
    }

    static boolean isWide(PtxRegister register) {
        return switch (register.type()) {
            case "b64", "u64", "s64", "f64" -> true;
            default -> false;
        };
    }

    static boolean isHalf(PtxRegister register) {
        return switch (register.type()) {
            case "b16", "u16", "s16", "f16", "bf16" -> true;
            default -> false;
        };
    }

    PtxRegister register(PtxOperand operand) {
        if (operand instanceof PtxOperand.Register r) {
            return r.register();
        }
        throw unsupported("an operand that is no register");
    }

    int slot(PtxRegister register) {
        return function.slots[register.index()];
    }

    /** Slot of a 32-bit (or 16-bit) register to write. */
    int to32(PtxOperand operand) {
        PtxRegister register = register(operand);
        if (isWide(register) || register.type().equals("pred")) {
            throw unsupported(register.name() + " is a register of type " + register.type());
        }
        return slot(register);
    }

    int to64(PtxOperand operand) {
        PtxRegister register = register(operand);
        if (!isWide(register)) {
            throw unsupported(register.name() + " is a register of type " + register.type());
        }
        return slot(register);
    }

    int toPredicate(PtxOperand operand) {
        if (operand instanceof PtxOperand.Sink) {
            return -1;
        }
        PtxRegister register = register(operand);
        if (!register.type().equals("pred")) {
            throw unsupported(register.name() + " is no predicate");
        }
        return slot(register);
    }

    /** Slot of a 32-bit value to read: a register, a constant, an address or a special register. */
    int from32(PtxOperand operand) {
        if (operand instanceof PtxOperand.Register) {
            return to32(operand);
        }
        if (operand instanceof PtxOperand.Special special) {
            return specials.get(special.name());
        }
        if (operand instanceof PtxOperand.Immediate immediate) {
            return constant32(immediate.type().equals("f64")
                    ? Float.floatToRawIntBits((float) Double.longBitsToDouble(immediate.bits())) : (int) immediate.bits());
        }
        if (operand instanceof PtxOperand.Variable variable) {
            return constant32((int) address(variable.variable(), variable.offset()));
        }
        throw unsupported("an operand that is no value");
    }

    /** As {@link #from32}, a constant cut to 16 bits. */
    int from16(PtxOperand operand) {
        return operand instanceof PtxOperand.Immediate immediate ? constant32((int) immediate.bits() & 0xFFFF) : from32(operand);
    }

    int from64(PtxOperand operand) {
        if (operand instanceof PtxOperand.Register) {
            return to64(operand);
        }
        if (operand instanceof PtxOperand.Immediate immediate) {
            return constant64(immediate.type().equals("f32")
                    ? Double.doubleToRawLongBits(Float.intBitsToFloat((int) immediate.bits())) : immediate.bits());
        }
        if (operand instanceof PtxOperand.Variable variable) {
            return constant64(address(variable.variable(), variable.offset()));
        }
        throw unsupported("an operand that is no 64-bit value");
    }

    /** A constant's slot comes behind all registers: their number is known before anything is decoded. */
    int constant32(int value) {
        return constants32.computeIfAbsent(value, v -> count32 + constants32.size());
    }

    int constant64(long value) {
        return constants64.computeIfAbsent(value, v -> count64 + constants64.size());
    }

    /** Address of a variable in its own space. */
    long address(PtxVariable variable, long offset) {
        switch (variable.space()) {
            case "shared":
                return sharedAddresses.get(variable.name()) + offset;
            case "local":
                return localAddresses.get(variable) + offset;
            case "global", "const":
                Allocation allocation = globals.get(variable.name());
                if (allocation == null) {
                    throw unsupported("variable " + variable.name() + " inside a function");
                }
                return allocation.address() + offset;
            default:
                throw unsupported("the address of a parameter");
        }
    }

    /** Offset of a kernel parameter, or -1 when the variable is none. */
    int parameterOffset(PtxVariable variable) {
        return parameterOffsets.getOrDefault(variable, -1);
    }

    /** Offset of a parameter of a call in a lane's call memory. */
    int callOffset(PtxVariable variable) {
        Integer offset = callOffsets.get(variable);
        if (offset == null) {
            throw unsupported("parameter " + variable.name());
        }
        return offset;
    }

    /** Makes a caller's variable for a result the callee's own: it is read right after the call. */
    void sharePlace(PtxOperand callers, PtxVariable callees) {
        if (!(callers instanceof PtxOperand.Variable v)) {
            throw unsupported("a result that is no .param variable");
        }
        callOffsets.put(v.variable(), callOffset(callees));
    }
}
