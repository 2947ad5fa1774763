package dev.catena.codegen.cpu;

import dev.catena.codegen.StructureHash;
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
    /** In one function. clang takes 145 MB for as many, and 98 MB for none. */
    static final int MOST_STATEMENTS = 4096;

    static TensorFunction of(TensorProgram program, CpuTarget target) {
        return count(program.statements()) <= MOST_STATEMENTS ? whole(program, target) : cut(program, target);
    }

    private static TensorFunction whole(TensorProgram program, CpuTarget target) {
        Map<String, String> kernels = new LinkedHashMap<>();
        StatementWriter writer = new StatementWriter(new LocalNames(program), target, "return", kernels);
        writer.block(program.statements(), "  ");
        return of(writer.body(), writer, List.of(), kernels);
    }

    private static TensorFunction cut(TensorProgram program, CpuTarget target) {
        Map<String, String> kernels = new LinkedHashMap<>();
        FrameNames names = new FrameNames(program);
        List<CFunction> parts = new ArrayList<>();
        PartsWriter writer = new PartsWriter(names, target, kernels, parts);
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

    /** With those of branches and loops. */
    private static int count(List<Statement> statements) {
        return statements.stream().mapToInt(TensorFunction::count).sum();
    }

    private static int count(Statement statement) {
        if (statement instanceof Statement.Branch branch) {
            return 1 + count(branch.yes()) + count(branch.no());
        }
        return statement instanceof Statement.Loop loop ? 1 + count(loop.body()) : 1;
    }

    /** Prints calls of parts. A branch or loop that is too large for a part stays, and what is in it is cut. */
    private static final class PartsWriter extends StatementWriter {
        private final FrameNames names;
        private final CpuTarget target;
        private final Map<String, String> kernels;
        private final List<CFunction> parts;

        PartsWriter(FrameNames names, CpuTarget target, Map<String, String> kernels, List<CFunction> parts) {
            super(names, target, "return", kernels);
            this.names = names;
            this.target = target;
            this.kernels = kernels;
            this.parts = parts;
        }

        @Override
        void block(List<Statement> list, String indent) {
            int start = 0;
            int statements = 0;
            for (int i = 0; i < list.size(); i++) {
                int more = count(list.get(i));
                if (statements + more > MOST_STATEMENTS) {
                    part(list.subList(start, i), indent);
                    start = i;
                    statements = 0;
                }
                if (more > MOST_STATEMENTS) {
                    statement(list.get(i), indent);
                    start = i + 1;
                } else {
                    statements += more;
                }
            }
            part(list.subList(start, list.size()), indent);
        }

        private void part(List<Statement> list, String indent) {
            if (list.isEmpty()) {
                return;
            }
            StatementWriter writer = new StatementWriter(names.elsewhere(), target, "return 0", kernels);
            writer.block(list, "  ");
            String body = writer.body() + "  return 1;\n";
            String name = "part_" + StructureHash.of(body);
            parts.add(CFunction.of(name, "__attribute__((optnone, noinline)) int32_t " + name
                    + "(catena_graph *g, const catena_thread *t, heap *memory, slot *f)", body, writer.called()));
            called().add(name);
            line(indent, "if (!%s(g, t, memory, f)) return;", name);
        }
    }
}
