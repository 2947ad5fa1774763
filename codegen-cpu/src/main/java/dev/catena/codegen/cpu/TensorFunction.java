package dev.catena.codegen.cpu;

import dev.catena.codegen.StructureHash;
import dev.catena.codegen.tensor.Index;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.Statement;
import dev.catena.codegen.tensor.TensorProgram;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The C of a tensor program: one function of docs/tensor-abi.md, which every thread of a team runs. It calls the kernels,
 * which do the work; clang isn't to optimize the function itself, which may have thousands of steps (minutes for a model of
 * 470 operations, for nothing). One of very many steps is cut into parts, functions that it calls one after the other: the
 * memory that clang takes grows with the longest function.
 *
 * @param symbol  the function's name, made from a hash of its code
 * @param parts   the functions it consists of, itself the last
 * @param kernels the C of the kernels that they call, by name
 */
record TensorFunction(String symbol, List<CFunction> parts, Map<String, String> kernels) {
    /** Of C, in one function. clang takes about 150 MB for as many, and 98 MB for none. */
    static final int MOST_LINES = 4096;

    static TensorFunction of(TensorProgram program, CpuTarget target) {
        return lines(program.statements()) <= MOST_LINES ? whole(program, target) : cut(program, target);
    }

    private static TensorFunction whole(TensorProgram program, CpuTarget target) {
        Map<String, String> kernels = new LinkedHashMap<>();
        StatementWriter writer = new StatementWriter(program, new LocalNames(program), target, "return", kernels);
        writer.block(program.statements(), "  ");
        return of(writer.body(), writer, List.of(), kernels);
    }

    private static TensorFunction cut(TensorProgram program, CpuTarget target) {
        Map<String, String> kernels = new LinkedHashMap<>();
        FrameNames names = new FrameNames(program);
        List<CFunction> parts = new ArrayList<>();
        PartsWriter writer = new PartsWriter(program, names, target, kernels, parts);
        writer.block(program.statements(), "  ");
        String frame = "  slot *const f = frame(memory, g, t, %d);%n  if (!f) return;%n".formatted(names.slots());
        return of(frame + writer.body(), writer, parts, kernels);
    }

    private static TensorFunction of(String statements, StatementWriter writer, List<CFunction> parts, Map<String, String> kernels) {
        String body = "  heap account = {0};\n  heap *const memory = &account;\n" + statements;
        String symbol = "graph_" + StructureHash.of(String.join("\n", kernels.values()) + body);
        List<CFunction> all = new ArrayList<>(parts);
        all.add(CFunction.of(symbol, "__attribute__((visibility(\"default\"), optnone, noinline)) void " + symbol
                + "(catena_graph *g, const catena_thread *t)", body, writer.called()));
        return new TensorFunction(symbol, List.copyOf(all), kernels);
    }

    /** About as many as statements become, with those of branches and loops; an expression counts for some. */
    private static int lines(List<Statement> statements) {
        return statements.stream().mapToInt(TensorFunction::lines).sum();
    }

    private static int lines(Statement statement) {
        if (statement instanceof Statement.Branch branch) {
            return 3 + lines(branch.yes()) + lines(branch.no());
        } else if (statement instanceof Statement.Loop loop) {
            return 3 + lines(loop.body());
        } else if (statement instanceof Statement.MatMul) {
            return 12;
        } else if (statement instanceof Statement.Allocate allocate) {
            return 2 + ofSize(allocate.buffer().dims());
        } else if (statement instanceof Statement.Release release) {
            return 1 + ofSize(release.buffer().dims());
        } else if (statement instanceof Statement.CheckSize check) {
            return 1 + ofSize(check.dims());
        } else if (statement instanceof Statement.Define define) {
            return 1 + define.value().size() / 8;
        } else if (statement instanceof Statement.Check check) {
            return 1 + check.condition().size() / 8;
        } else if (statement instanceof Statement.Output output) {
            return 3 + output.buffer().dims().size();
        }
        return 1;
    }

    private static int ofSize(List<Scalar> dims) {
        return dims.stream().allMatch(Index::isKnown) ? 0 : 2;
    }

    /** Prints calls of parts. A branch or loop that is too large for a part stays, and what is in it is cut. */
    private static final class PartsWriter extends StatementWriter {
        private final TensorProgram program;
        private final FrameNames names;
        private final CpuTarget target;
        private final Map<String, String> kernels;
        private final List<CFunction> parts;

        PartsWriter(TensorProgram program, FrameNames names, CpuTarget target, Map<String, String> kernels, List<CFunction> parts) {
            super(program, names, target, "return", kernels);
            this.program = program;
            this.names = names;
            this.target = target;
            this.kernels = kernels;
            this.parts = parts;
        }

        @Override
        void block(List<Statement> list, String indent) {
            int start = 0;
            int lines = 0;
            for (int i = 0; i < list.size(); i++) {
                int more = lines(list.get(i));
                if (lines + more > MOST_LINES) {
                    part(list.subList(start, i), indent);
                    start = i;
                    lines = 0;
                }
                if (more > MOST_LINES) {
                    statement(list.get(i), indent);
                    start = i + 1;
                } else {
                    lines += more;
                }
            }
            part(list.subList(start, list.size()), indent);
        }

        private void part(List<Statement> list, String indent) {
            if (list.isEmpty()) {
                return;
            }
            StatementWriter writer = new StatementWriter(program, names.elsewhere(), target, "return 0", kernels);
            writer.follow(this);
            writer.block(list, "  ");
            follow(writer);
            String body = writer.body() + "  return 1;\n";
            String name = "part_" + StructureHash.of(body);
            parts.add(CFunction.of(name, "__attribute__((optnone, noinline)) int32_t " + name
                    + "(catena_graph *g, const catena_thread *t, heap *memory, slot *f)", body, writer.called()));
            called().add(name);
            line(indent, "if (!%s(g, t, memory, f)) return;", name);
        }
    }
}
