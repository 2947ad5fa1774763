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
    private static final int MAX_DEPTH = 200;
    private static final int MAX_REGISTERS = 1 << 18;
    private static final Pattern FILE = Pattern.compile("(?m)^\\s*\\.file\\s+(\\d+)\\s+\"([^\"]*)\"");

    private final PtxTokens tokens;
    private final PtxOperandParser operandParser;
    private final PtxVariableParser variableParser;
    private final Map<String, PtxFunction> functions = new LinkedHashMap<>();
    private final List<PtxVariable> variables = new ArrayList<>();
    private final PtxScope module = new PtxScope(null);
    private final Map<String, String> files = new HashMap<>();
    private String version = "";
    private String target = "";

    // Of the function being read.
    private PtxScope scope;
    private List<PtxRegister> registers;
    private List<PtxVariable> functionVariables;
    private List<Pending> pending;
    private SourceLine source;
    private int depth;

    PtxParser(String text) {
        tokens = new PtxTokens(text);
        operandParser = new PtxOperandParser(tokens);
        variableParser = new PtxVariableParser(tokens);
        Matcher matcher = FILE.matcher(text);      // they stand at the end, behind all that name them
        while (matcher.find()) {
            String path = matcher.group(2);
            files.put(matcher.group(1), path.substring(path.lastIndexOf('/') + 1));
        }
    }

    /** An instruction whose labels are looked up when the function is complete. */
    private record Pending(PtxInstruction instruction, PtxScope scope) {}

    PtxModule module() {
        while (!tokens.is(PtxLexer.Kind.END)) {
            String word = tokens.word();
            switch (word) {
                case ".version" -> version = tokens.take();
                case ".target" -> {
                    target = tokens.word();
                    while (tokens.accept(",")) {
                        tokens.word();
                    }
                }
                case ".address_size" -> {
                    if (!tokens.take().equals("64")) {
                        throw tokens.error("only 64-bit addresses are supported");
                    }
                }
                case ".file" -> file();
                case ".section" -> skipBraces();
                case ".visible", ".weak", ".extern", ".common" -> {
                    boolean extern = word.equals(".extern");
                    if (tokens.is(".func") || tokens.is(".entry")) {
                        function(tokens.is(".entry"));
                    } else {
                        moduleVariable(tokens.word(), extern);
                    }
                }
                case ".entry" -> functionBody(true);
                case ".func" -> functionBody(false);
                case ".global", ".const", ".shared" -> moduleVariable(word, false);
                case ".pragma" -> {
                    tokens.skip();
                    tokens.expect(";");
                }
                default -> throw tokens.error("'" + word + "' is not expected at module scope");
            }
        }
        return new PtxModule(version, target, functions, List.copyOf(variables));
    }

    private void moduleVariable(String space, boolean extern) {
        PtxVariable variable = variableParser.variable(space.substring(1), extern);
        variables.add(variable);
        module.variables.put(variable.name(), variable);
        tokens.expect(";");
    }

    private void file() {
        tokens.take();
        tokens.take();
        while (tokens.accept(",")) {
            tokens.take();
        }
    }

    private void skipBraces() {
        int depth = 0;
        boolean begun = false;
        while (!begun || depth > 0) {
            if (tokens.is(PtxLexer.Kind.END)) {
                throw tokens.error("a section has no end");
            }
            depth += tokens.is("{") ? 1 : tokens.is("}") && begun ? -1 : 0;
            begun |= depth > 0;
            tokens.skip();
        }
    }

    private void function(boolean entry) {
        tokens.skip();
        functionBody(entry);
    }

    private void functionBody(boolean entry) {
        scope = new PtxScope(module);
        registers = new ArrayList<>();
        functionVariables = new ArrayList<>();
        pending = new ArrayList<>();
        source = null;
        List<PtxVariable> returns = !entry && tokens.is("(") ? parameters() : List.of();
        String name = tokens.word();
        List<PtxVariable> parameters = tokens.is("(") ? parameters() : List.of();
        int maxThreads = 0;
        while (tokens.is(PtxLexer.Kind.WORD)) {
            String directive = tokens.word();
            if (directive.equals(".maxntid") || directive.equals(".reqntid")) {
                maxThreads = (int) tokens.number();
                while (tokens.accept(",")) {
                    maxThreads *= (int) tokens.number();
                }
            } else if (directive.equals(".noreturn")) {
                continue;
            } else {
                while (tokens.is(PtxLexer.Kind.NUMBER) || tokens.is(PtxLexer.Kind.STRING) || tokens.is(",")) {
                    tokens.skip();
                }
            }
        }
        if (tokens.accept(";")) {
            return;   // only declared
        }
        tokens.expect("{");
        body();
        functions.put(name, new PtxFunction(name, entry, returns, parameters, List.copyOf(registers),
                List.copyOf(functionVariables), pending.stream().map(p -> p.scope.resolve(p.instruction)).toList(), maxThreads));
    }

    private List<PtxVariable> parameters() {
        tokens.expect("(");
        List<PtxVariable> list = new ArrayList<>();
        while (!tokens.accept(")")) {
            String space = tokens.word();
            if (!space.equals(".param")) {
                throw tokens.error("expected .param, found '" + space + "'");
            }
            PtxVariable parameter = variableParser.variable("param", false);
            list.add(parameter);
            scope.variables.put(parameter.name(), parameter);
            tokens.accept(",");
        }
        return list;
    }

    /** Statements up to the closing brace. */
    private void body() {
        while (!tokens.accept("}")) {
            if (tokens.accept("{")) {
                scope = new PtxScope(scope);
                if (++depth > MAX_DEPTH) {
                    throw tokens.error("blocks are nested too deeply");
                }
                body();
                depth--;
                scope = scope.outer;
                continue;
            }
            if (tokens.accept(";")) {
                continue;
            }
            statement();
        }
    }

    private void statement() {
        if (tokens.is("@")) {
            instruction();
            return;
        }
        int line = tokens.line();
        String word = tokens.word();
        switch (word) {
            case ".reg" -> registerDeclaration();
            case ".local", ".shared", ".param", ".global", ".const" -> {
                do {
                    PtxVariable variable = variableParser.variable(word.substring(1), false);
                    functionVariables.add(variable);
                    scope.variables.put(variable.name(), variable);
                } while (tokens.accept(","));
                tokens.expect(";");
            }
            case ".loc" -> location();
            case ".pragma" -> {
                tokens.skip();
                tokens.expect(";");
            }
            default -> {
                if (tokens.accept(":")) {
                    if (tokens.is(".branchtargets")) {
                        tokens.skip();
                        List<String> labels = new ArrayList<>();
                        do {
                            labels.add(tokens.word());
                        } while (tokens.accept(","));
                        tokens.expect(";");
                        scope.tables.put(word, labels);
                    } else if (tokens.is(".callprototype") || tokens.is(".calltargets")) {
                        throw tokens.error("indirect calls are not supported");
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
        String type = tokens.word().substring(1);
        do {
            String name = tokens.word();
            if (tokens.accept("<")) {
                int count = (int) tokens.number();
                tokens.expect(">");
                for (int i = 0; i < count; i++) {
                    register(name + i, type);
                }
            } else {
                register(name, type);
            }
        } while (tokens.accept(","));
        tokens.expect(";");
    }

    private void register(String name, String type) {
        if (registers.size() >= MAX_REGISTERS) {
            throw tokens.error("too many registers");
        }
        PtxRegister register = new PtxRegister(name, type, registers.size());
        registers.add(register);
        scope.registers.put(name, register);
    }

    /** {@code .loc file line column[, function_name label, inlined_at file line column]}. */
    private void location() {
        String file = tokens.take();
        int line = (int) tokens.number();
        tokens.number();
        SourceLine outer = null;
        while (tokens.accept(",")) {
            String word = tokens.word();
            if (word.equals("function_name")) {
                tokens.word();
                if (tokens.accept("+")) {
                    tokens.number();
                }
            } else if (word.equals("inlined_at")) {
                String outerFile = tokens.take();
                int outerLine = (int) tokens.number();
                tokens.number();
                outer = new SourceLine(files.getOrDefault(outerFile, "file " + outerFile), outerLine, null);
            }
        }
        if (line == 0) {
            return;     // made up by the compiler: it belongs to what stands before it
        }
        source = new SourceLine(files.getOrDefault(file, "file " + file), line, outer);
    }

    private void instruction() {
        int line = tokens.line();
        tokens.expect("@");
        boolean negated = tokens.accept("!");
        String name = tokens.word();
        PtxRegister guard = scope.register(name);
        if (guard == null) {
            throw tokens.error("the predicate '" + name + "' is not declared");
        }
        instruction(line, guard, negated, tokens.word());
    }

    private void instruction(int line, PtxRegister guard, boolean negated, String opcode) {
        List<String> parts = Arrays.asList(opcode.split("\\.", -1));
        List<PtxOperand> operands = new ArrayList<>();
        while (!tokens.is(";")) {
            operands.add(operandParser.operand(scope));
            if (tokens.is("|")) {
                tokens.skip();
                PtxOperand first = operands.remove(operands.size() - 1);
                operands.add(new PtxOperand.Pair(first, operandParser.operand(scope)));
            }
            if (!tokens.accept(",") && !tokens.is(";")) {
                throw tokens.error("expected ',' or ';', found '" + tokens.next() + "'");
            }
        }
        tokens.expect(";");
        pending.add(new Pending(new PtxInstruction(parts.get(0), List.copyOf(parts.subList(1, parts.size())), guard, negated,
                operands, line, source), scope));
    }
}
