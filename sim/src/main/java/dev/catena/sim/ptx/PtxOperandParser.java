package dev.catena.sim.ptx;

import java.util.ArrayList;
import java.util.List;

/** Reads the operands of an instruction. */
final class PtxOperandParser {
    private static final int MAX_DEPTH = 200;

    private final PtxTokens tokens;
    private int depth;

    PtxOperandParser(PtxTokens tokens) {
        this.tokens = tokens;
    }

    /** @param scope whose registers and variables are known; of another name a label, a table or a function is expected */
    PtxOperand operand(PtxScope scope) {
        if (++depth > MAX_DEPTH) {
            throw tokens.error("operands are nested too deeply");
        }
        PtxOperand operand = inside(scope);
        depth--;
        return operand;
    }

    private PtxOperand inside(PtxScope scope) {
        if (tokens.accept("{")) {
            List<PtxOperand> elements = new ArrayList<>();
            while (!tokens.accept("}")) {
                elements.add(operand(scope));
                tokens.accept(",");
            }
            return new PtxOperand.Vector(elements);
        }
        if (tokens.accept("(")) {
            List<PtxOperand> elements = new ArrayList<>();
            while (!tokens.accept(")")) {
                elements.add(operand(scope));
                tokens.accept(",");
            }
            return new PtxOperand.Arguments(elements);
        }
        if (tokens.accept("[")) {
            PtxOperand base = operand(scope);
            long offset = offset();
            tokens.expect("]");
            if (base instanceof PtxOperand.Register r) {
                return new PtxOperand.Address(r.register(), null, offset);
            }
            if (base instanceof PtxOperand.Variable v) {
                return new PtxOperand.Address(null, v.variable(), v.offset() + offset);
            }
            if (base instanceof PtxOperand.Immediate i) {
                return new PtxOperand.Address(null, null, i.bits() + offset);
            }
            throw tokens.error("not an address");
        }
        if (tokens.accept("!")) {
            return new PtxOperand.Register(scope.register(tokens.word()), true);
        }
        if (tokens.is(PtxLexer.Kind.NUMBER) || tokens.is("-")) {
            return tokens.immediate();
        }
        String name = tokens.word();
        if (name.equals("_")) {
            return new PtxOperand.Sink();
        }
        PtxRegister register = scope.register(name);
        if (register != null) {
            return new PtxOperand.Register(register, false);
        }
        PtxVariable variable = scope.variable(name);
        if (variable != null) {
            return new PtxOperand.Variable(variable, offset());
        }
        return name.startsWith("%") ? new PtxOperand.Special(name) : new PtxOperand.Function(name);
    }

    private long offset() {
        if (tokens.accept("+")) {
            return tokens.number();
        }
        return tokens.is("-") ? tokens.number() : 0;
    }
}
