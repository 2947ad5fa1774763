package dev.catena.sim.ptx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads the PTX that NVRTC writes, by recursive descent. Registers, variables and labels are resolved by scope. */
final class PtxParser {
    private static final long MAX_BYTES = 1L << 30;
    private static final int MAX_ALIGN = 4096;
    private static final int MAX_DEPTH = 200;
    private static final int MAX_REGISTERS = 1 << 18;
    private static final Pattern FILE = Pattern.compile("(?m)^\\s*\\.file\\s+(\\d+)\\s+\"([^\"]*)\"");

    private final PtxLexer lexer;
    private final Map<String, PtxFunction> functions = new LinkedHashMap<>();
    private final List<PtxVariable> variables = new ArrayList<>();
    private final Map<String, PtxVariable> moduleScope = new HashMap<>();
    private final Map<String, String> files = new HashMap<>();
    private String version = "";
    private String target = "";

    // Of the function being read.
    private Scope scope;
    private List<PtxRegister> registers;
    private List<PtxVariable> functionVariables;
    private List<Pending> pending;
    private SourceLine source;
    private int depth;

    PtxParser(String text) {
        lexer = new PtxLexer(text);
        Matcher matcher = FILE.matcher(text);      // they stand at the end, behind all that name them
        while (matcher.find()) {
            String path = matcher.group(2);
            files.put(matcher.group(1), path.substring(path.lastIndexOf('/') + 1));
        }
    }

    /** A block of braces: names declared in it, seen from inside only. */
    private static final class Scope {
        final Scope outer;
        final Map<String, PtxRegister> registers = new HashMap<>();
        final Map<String, PtxVariable> variables = new HashMap<>();
        final Map<String, Integer> labels = new HashMap<>();
        final Map<String, List<String>> tables = new HashMap<>();

        Scope(Scope outer) {
            this.outer = outer;
        }
    }

    /** An instruction whose labels are looked up when the function is complete. */
    private record Pending(PtxInstruction instruction, Scope scope) {}

    PtxModule module() {
        while (lexer.kind != PtxLexer.Kind.END) {
            String word = word();
            switch (word) {
                case ".version" -> version = take();
                case ".target" -> {
                    target = word();
                    while (accept(",")) {
                        word();
                    }
                }
                case ".address_size" -> {
                    if (!take().equals("64")) {
                        throw error("only 64-bit addresses are supported");
                    }
                }
                case ".file" -> file();
                case ".section" -> skipBraces();
                case ".visible", ".weak", ".extern", ".common" -> {
                    boolean extern = word.equals(".extern");
                    if (lexer.is(".func") || lexer.is(".entry")) {
                        function(lexer.is(".entry"));
                    } else {
                        declareModuleVariable(extern);
                    }
                }
                case ".entry" -> functionBody(true);
                case ".func" -> functionBody(false);
                case ".global", ".const", ".shared" -> {
                    PtxVariable variable = variable(word.substring(1), false);
                    variables.add(variable);
                    moduleScope.put(variable.name(), variable);
                    expect(";");
                }
                case ".pragma" -> {
                    lexer.advance();
                    expect(";");
                }
                default -> throw error("'" + word + "' is not expected at module scope");
            }
        }
        return new PtxModule(version, target, functions, List.copyOf(variables));
    }

    private void declareModuleVariable(boolean extern) {
        PtxVariable variable = variable(word().substring(1), extern);
        variables.add(variable);
        moduleScope.put(variable.name(), variable);
        expect(";");
    }

    private void file() {
        take();
        take();
        while (accept(",")) {
            take();
        }
    }

    private void skipBraces() {
        while (!lexer.is("{")) {
            lexer.advance();
        }
        int depth = 0;
        do {
            depth += lexer.is("{") ? 1 : lexer.is("}") ? -1 : 0;
            if (lexer.kind == PtxLexer.Kind.END) {
                throw error("a section has no end");
            }
            lexer.advance();
        } while (depth > 0);
    }

    private void function(boolean entry) {
        lexer.advance();
        functionBody(entry);
    }

    private void functionBody(boolean entry) {
        scope = new Scope(null);
        registers = new ArrayList<>();
        functionVariables = new ArrayList<>();
        pending = new ArrayList<>();
        source = null;
        List<PtxVariable> returns = !entry && lexer.is("(") ? parameters() : List.of();
        String name = word();
        List<PtxVariable> parameters = lexer.is("(") ? parameters() : List.of();
        int maxThreads = 0;
        while (lexer.kind == PtxLexer.Kind.WORD) {
            String directive = word();
            if (directive.equals(".maxntid") || directive.equals(".reqntid")) {
                maxThreads = (int) number();
                while (accept(",")) {
                    maxThreads *= (int) number();
                }
            } else if (directive.equals(".noreturn")) {
                continue;
            } else {
                while (lexer.kind == PtxLexer.Kind.NUMBER || lexer.kind == PtxLexer.Kind.STRING || lexer.is(",")) {
                    lexer.advance();
                }
            }
        }
        if (accept(";")) {
            return;   // only declared
        }
        expect("{");
        body();
        functions.put(name, new PtxFunction(name, entry, returns, parameters, List.copyOf(registers),
                List.copyOf(functionVariables), pending.stream().map(this::resolve).toList(), maxThreads));
    }

    private List<PtxVariable> parameters() {
        expect("(");
        List<PtxVariable> list = new ArrayList<>();
        while (!accept(")")) {
            String space = word();
            if (!space.equals(".param")) {
                throw error("expected .param, found '" + space + "'");
            }
            PtxVariable parameter = variable("param", false);
            list.add(parameter);
            scope.variables.put(parameter.name(), parameter);
            accept(",");
        }
        return list;
    }

    /** Statements up to the closing brace. */
    private void body() {
        while (!accept("}")) {
            if (accept("{")) {
                scope = new Scope(scope);
                if (++depth > MAX_DEPTH) {
                    throw error("blocks are nested too deeply");
                }
                body();
                depth--;
                scope = scope.outer;
                continue;
            }
            if (accept(";")) {
                continue;
            }
            statement();
        }
    }

    private void statement() {
        if (lexer.is("@")) {
            instruction();
            return;
        }
        int line = lexer.tokenLine;
        String word = word();
        switch (word) {
            case ".reg" -> registerDeclaration();
            case ".local", ".shared", ".param", ".global", ".const" -> {
                do {
                    PtxVariable variable = variable(word.substring(1), false);
                    functionVariables.add(variable);
                    scope.variables.put(variable.name(), variable);
                } while (accept(","));
                expect(";");
            }
            case ".loc" -> location();
            case ".pragma" -> {
                lexer.advance();
                expect(";");
            }
            default -> {
                if (accept(":")) {
                    if (lexer.is(".branchtargets")) {
                        lexer.advance();
                        List<String> labels = new ArrayList<>();
                        do {
                            labels.add(word());
                        } while (accept(","));
                        expect(";");
                        scope.tables.put(word, labels);
                    } else if (lexer.is(".callprototype") || lexer.is(".calltargets")) {
                        throw error("indirect calls are not supported");
                    } else {
                        scope.labels.put(word, pending.size());
                    }
                } else {
                    instruction(line, null, false, word);
                }
            }
        }
    }

    private void registerDeclaration() {
        String type = word().substring(1);
        do {
            String name = word();
            if (accept("<")) {
                int count = (int) number();
                expect(">");
                for (int i = 0; i < count; i++) {
                    register(name + i, type);
                }
            } else {
                register(name, type);
            }
        } while (accept(","));
        expect(";");
    }

    private void register(String name, String type) {
        if (registers.size() >= MAX_REGISTERS) {
            throw error("too many registers");
        }
        PtxRegister register = new PtxRegister(name, type, registers.size());
        registers.add(register);
        scope.registers.put(name, register);
    }

    /** {@code .loc file line column[, function_name label, inlined_at file line column]}. */
    private void location() {
        String file = take();
        int line = (int) number();
        number();
        SourceLine outer = null;
        while (accept(",")) {
            String word = word();
            if (word.equals("function_name")) {
                word();
                if (accept("+")) {
                    number();
                }
            } else if (word.equals("inlined_at")) {
                String outerFile = take();
                int outerLine = (int) number();
                number();
                outer = new SourceLine(files.getOrDefault(outerFile, "file " + outerFile), outerLine, null);
            }
        }
        if (line == 0) {
            return;     // made up by the compiler: it belongs to what stands before it
        }
        source = new SourceLine(files.getOrDefault(file, "file " + file), line, outer);
    }

    private void instruction() {
        int line = lexer.tokenLine;
        expect("@");
        boolean negated = accept("!");
        String name = word();
        PtxRegister guard = register(name);
        if (guard == null) {
            throw error("the predicate '" + name + "' is not declared");
        }
        instruction(line, guard, negated, word());
    }

    private void instruction(int line, PtxRegister guard, boolean negated, String opcode) {
        List<String> parts = Arrays.asList(opcode.split("\\.", -1));
        List<PtxOperand> operands = new ArrayList<>();
        while (!lexer.is(";")) {
            operands.add(operand());
            if (lexer.is("|")) {
                lexer.advance();
                PtxOperand first = operands.remove(operands.size() - 1);
                operands.add(new PtxOperand.Pair(first, operand()));
            }
            if (!accept(",") && !lexer.is(";")) {
                throw error("expected ',' or ';', found '" + lexer.token + "'");
            }
        }
        expect(";");
        pending.add(new Pending(new PtxInstruction(parts.get(0), List.copyOf(parts.subList(1, parts.size())), guard, negated,
                operands, line, source), scope));
    }

    private PtxOperand operand() {
        if (++depth > MAX_DEPTH) {
            throw error("operands are nested too deeply");
        }
        PtxOperand operand = operandInside();
        depth--;
        return operand;
    }

    private PtxOperand operandInside() {
        if (accept("{")) {
            List<PtxOperand> elements = new ArrayList<>();
            while (!accept("}")) {
                elements.add(operand());
                accept(",");
            }
            return new PtxOperand.Vector(elements);
        }
        if (accept("(")) {
            List<PtxOperand> elements = new ArrayList<>();
            while (!accept(")")) {
                elements.add(operand());
                accept(",");
            }
            return new PtxOperand.Arguments(elements);
        }
        if (accept("[")) {
            PtxOperand base = operand();
            long offset = offset();
            expect("]");
            if (base instanceof PtxOperand.Register r) {
                return new PtxOperand.Address(r.register(), null, offset);
            }
            if (base instanceof PtxOperand.Variable v) {
                return new PtxOperand.Address(null, v.variable(), v.offset() + offset);
            }
            if (base instanceof PtxOperand.Immediate i) {
                return new PtxOperand.Address(null, null, i.bits() + offset);
            }
            throw error("not an address");
        }
        if (accept("!")) {
            return new PtxOperand.Register(register(word()), true);
        }
        if (lexer.kind == PtxLexer.Kind.NUMBER || lexer.is("-")) {
            return immediate();
        }
        String name = word();
        if (name.equals("_")) {
            return new PtxOperand.Sink();
        }
        PtxRegister register = register(name);
        if (register != null) {
            return new PtxOperand.Register(register, false);
        }
        PtxVariable variable = variable(name);
        if (variable != null) {
            return new PtxOperand.Variable(variable, offset());
        }
        return name.startsWith("%") ? new PtxOperand.Special(name) : new PtxOperand.Function(name);
    }

    private long offset() {
        if (accept("+")) {
            return number();
        }
        return lexer.is("-") ? number() : 0;
    }

    private PtxOperand.Immediate immediate() {
        boolean negative = accept("-");
        String text = lexer.token;
        lexer.advance();
        try {
            if (text.startsWith("0f") || text.startsWith("0F")) {
                return new PtxOperand.Immediate(Long.parseLong(text.substring(2), 16) ^ (negative ? 1L << 31 : 0), "f32");
            }
            if (text.startsWith("0d") || text.startsWith("0D")) {
                return new PtxOperand.Immediate(Long.parseUnsignedLong(text.substring(2), 16) ^ (negative ? 1L << 63 : 0), "f64");
            }
            if (text.contains(".")) {
                return new PtxOperand.Immediate(Double.doubleToRawLongBits(Double.parseDouble(text) * (negative ? -1 : 1)), "f64");
            }
            long value = integer(text);
            return new PtxOperand.Immediate(negative ? -value : value, "s64");
        } catch (NumberFormatException e) {
            throw error("'" + text + "' is not a number");
        }
    }

    private static long integer(String text) {
        String digits = text.endsWith("U") ? text.substring(0, text.length() - 1) : text;
        if (digits.startsWith("0x") || digits.startsWith("0X")) {
            return Long.parseUnsignedLong(digits.substring(2), 16);
        }
        if (digits.startsWith("0b")) {
            return Long.parseUnsignedLong(digits.substring(2), 2);
        }
        return digits.length() > 1 && digits.startsWith("0") ? Long.parseUnsignedLong(digits, 8)
                : Long.parseUnsignedLong(digits);
    }

    private PtxRegister register(String name) {
        for (Scope s = scope; s != null; s = s.outer) {
            PtxRegister register = s.registers.get(name);
            if (register != null) {
                return register;
            }
        }
        return null;
    }

    private PtxVariable variable(String name) {
        for (Scope s = scope; s != null; s = s.outer) {
            PtxVariable variable = s.variables.get(name);
            if (variable != null) {
                return variable;
            }
        }
        return moduleScope.get(name);
    }

    /** A declaration after its space: {@code .align 16 .b8 name[64] = {…}}. */
    private PtxVariable variable(String space, boolean extern) {
        int align = 0;
        String type = null;
        int vector = 1;
        while (lexer.token.startsWith(".")) {
            String word = word();
            switch (word) {
                case ".align" -> {
                    long given = number();
                    if (given < 1 || given > MAX_ALIGN || Long.bitCount(given) != 1) {
                        throw error("an alignment of " + given);
                    }
                    align = (int) given;
                }
                case ".ptr", ".global", ".const", ".shared", ".local" -> { }
                case ".v2" -> vector = 2;
                case ".v4" -> vector = 4;
                default -> type = type == null ? word.substring(1) : type;
            }
        }
        if (type == null || sizeOf(type) == 0) {
            throw error("a variable of type '" + type + "' is not supported");
        }
        String name = word();
        long count = vector;
        boolean unsized = false;
        while (accept("[")) {
            if (lexer.is("]")) {
                unsized = true;
            } else {
                long length = number();
                if (length < 0 || length > MAX_BYTES) {
                    throw error("an array of " + length + " elements");
                }
                count *= length;       // both at most 2^30
                if (count > MAX_BYTES) {
                    throw error("an array of " + count + " elements");
                }
            }
            expect("]");
        }
        int element = sizeOf(type);
        byte[] initial = null;
        if (accept("=")) {
            initial = initializer(element);
            if (unsized) {
                count = initial.length / element;
                unsized = false;
            }
        }
        long bytes = unsized ? 0 : count * element;
        if (bytes > MAX_BYTES) {
            throw error("'" + name + "' has " + bytes + " bytes");
        }
        return new PtxVariable(name, space, Math.max(align, element * vector), bytes, extern || unsized, initial);
    }

    private byte[] initializer(int element) {
        java.io.ByteArrayOutputStream bytes = new java.io.ByteArrayOutputStream();
        boolean braces = accept("{");
        while (true) {
            if (accept("{") || accept("}") && braces) {
                if (lexer.is(";") || lexer.is("=")) {
                    return bytes.toByteArray();
                }
                continue;
            }
            if (lexer.is(",")) {
                lexer.advance();
                continue;
            }
            if (lexer.kind == PtxLexer.Kind.WORD) {
                throw error("an address as initial value is not supported");
            }
            long bits = immediate().bits();
            for (int i = 0; i < element; i++) {
                bytes.write((int) (bits >>> 8 * i));
            }
            if (!braces) {
                return bytes.toByteArray();
            }
        }
    }

    /** Bytes of an element of a PTX type, 0 for an unknown one. */
    static int sizeOf(String type) {
        return switch (type) {
            case "b8", "u8", "s8" -> 1;
            case "b16", "u16", "s16", "f16", "bf16" -> 2;
            case "b32", "u32", "s32", "f32", "f16x2", "bf16x2" -> 4;
            case "b64", "u64", "s64", "f64" -> 8;
            case "b128" -> 16;
            default -> 0;
        };
    }

    /** Looks up labels, tables and functions, which may stand behind their use. */
    private PtxInstruction resolve(Pending waiting) {
        PtxInstruction i = waiting.instruction;
        List<PtxOperand> operands = new ArrayList<>();
        for (PtxOperand operand : i.operands()) {
            operands.add(operand instanceof PtxOperand.Function f ? resolve(f.name(), waiting, i) : operand);
        }
        return new PtxInstruction(i.opcode(), i.modifiers(), i.guard(), i.guardNegated(), List.copyOf(operands), i.textLine(),
                i.source());
    }

    private PtxOperand resolve(String name, Pending waiting, PtxInstruction i) {
        for (Scope s = waiting.scope; s != null; s = s.outer) {
            Integer label = s.labels.get(name);
            if (label != null) {
                return new PtxOperand.Target(name, label);
            }
            List<String> table = s.tables.get(name);
            if (table != null) {
                int[] indices = new int[table.size()];
                for (int k = 0; k < indices.length; k++) {
                    if (!(resolve(table.get(k), waiting, i) instanceof PtxOperand.Target target)) {
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

    private String word() {
        if (lexer.kind != PtxLexer.Kind.WORD) {
            throw error("expected a name, found '" + lexer.token + "'");
        }
        return take();
    }

    private String take() {
        String token = lexer.token;
        if (lexer.kind == PtxLexer.Kind.END) {
            throw error("the text ends too early");
        }
        lexer.advance();
        return token;
    }

    private long number() {
        return immediate().bits();
    }

    private boolean accept(String sign) {
        if (lexer.is(sign)) {
            lexer.advance();
            return true;
        }
        return false;
    }

    private void expect(String sign) {
        if (!accept(sign)) {
            throw error("expected '" + sign + "', found '" + lexer.token + "'");
        }
    }

    private PtxSyntaxException error(String message) {
        return new PtxSyntaxException(lexer.tokenLine, message);
    }
}
