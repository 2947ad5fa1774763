package dev.catena.sim.ptx;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A block of braces: names declared in it, seen from inside only. The outermost is the module's. */
final class PtxScope {
    final PtxScope outer;
    final Map<String, PtxRegister> registers = new HashMap<>();
    final Map<String, PtxVariable> variables = new HashMap<>();
    final Map<String, Integer> labels = new HashMap<>();
    /** Names of labels, by the name of their table. */
    final Map<String, List<String>> tables = new HashMap<>();

    /** @param outer what is around it, or null */
    PtxScope(PtxScope outer) {
        this.outer = outer;
    }

    /** Returns null where no register has that name. */
    PtxRegister register(String name) {
        for (PtxScope s = this; s != null; s = s.outer) {
            PtxRegister register = s.registers.get(name);
            if (register != null) {
                return register;
            }
        }
        return null;
    }

    /** Returns null where no variable has that name. */
    PtxVariable variable(String name) {
        for (PtxScope s = this; s != null; s = s.outer) {
            PtxVariable variable = s.variables.get(name);
            if (variable != null) {
                return variable;
            }
        }
        return null;
    }

    /** The instruction with its labels, tables and functions, which may stand behind their use. */
    PtxInstruction resolve(PtxInstruction i) {
        List<PtxOperand> operands = new ArrayList<>();
        for (PtxOperand operand : i.operands()) {
            operands.add(operand instanceof PtxOperand.Function f ? resolve(f.name(), i) : operand);
        }
        return new PtxInstruction(i.opcode(), i.modifiers(), i.guard(), i.guardNegated(), List.copyOf(operands), i.textLine(),
                i.source());
    }

    private PtxOperand resolve(String name, PtxInstruction i) {
        for (PtxScope s = this; s != null; s = s.outer) {
            Integer label = s.labels.get(name);
            if (label != null) {
                return new PtxOperand.Target(name, label);
            }
            List<String> table = s.tables.get(name);
            if (table != null) {
                int[] indices = new int[table.size()];
                for (int k = 0; k < indices.length; k++) {
                    if (!(resolve(table.get(k), i) instanceof PtxOperand.Target target)) {
                        throw new PtxSyntaxException(i.textLine(), "'" + table.get(k) + "' is not a label");
                    }
                    indices[k] = target.index();
                }
                return new PtxOperand.Targets(indices);
            }
        }
        if (i.opcode().equals("call")) {
            return new PtxOperand.Function(name);
        }
        throw new PtxSyntaxException(i.textLine(), "'" + name + "' is not declared");
    }
}
