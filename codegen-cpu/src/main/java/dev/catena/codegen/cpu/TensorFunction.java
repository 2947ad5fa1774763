package dev.catena.codegen.cpu;

import dev.catena.codegen.StructureHash;
import dev.catena.codegen.tensor.Buffer;
import dev.catena.codegen.tensor.Failure;
import dev.catena.codegen.tensor.Index;
import dev.catena.codegen.tensor.Nest;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.ScalarType;
import dev.catena.codegen.tensor.Statement;
import dev.catena.codegen.tensor.TensorBytes;
import dev.catena.codegen.tensor.TensorProgram;
import dev.catena.codegen.tensor.c.CElement;
import dev.catena.codegen.tensor.c.CScalars;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The C of a tensor program: one function of docs/tensor-abi.md, which every thread of a team runs. It calls the kernels,
 * which do the work; clang isn't to optimize the function itself, which may have thousands of steps (minutes for a model of
 * 470 operations, for nothing).
 *
 * @param symbol  the function's name, made from a hash of its code
 * @param source  its C
 * @param kernels the C of the kernels that it calls, by name
 */
record TensorFunction(String symbol, String source, Map<String, String> kernels) {
    static TensorFunction of(TensorProgram program, CpuTarget target) {
        Writer writer = new Writer(target);
        writer.statements(program.statements(), "  ");
        String body = writer.prelude(program) + writer.text;
        String symbol = "graph_" + StructureHash.of(String.join("\n", writer.kernels.values()) + body);
        String source = """
                __attribute__((visibility("default"), optnone, noinline))
                void %s(catena_graph *g, const catena_thread *t) {
                  heap memory = {0};
                %s}
                """.formatted(symbol, body);
        return new TensorFunction(symbol, source, writer.kernels);
    }

    /** Prints statements, and notes what must be declared before them. */
    private static final class Writer {
        private final CpuTarget target;
        private final CScalars scalars = new CScalars(new CScalars.Names() {
            @Override
            public String pointer(Buffer buffer) {
                return Writer.this.pointer(buffer);
            }

            @Override
            public String variable(Scalar.Variable variable) {
                return variable.name();
            }

            @Override
            public String counter(Scalar.Variable counter) {
                return counter.name();
            }

            @Override
            public String operation(int number) {
                return Integer.toString(number);
            }
        }, TensorLibrary.CLANG);
        private final StringBuilder text = new StringBuilder();
        private final Map<String, String> kernels = new LinkedHashMap<>();
        private final Set<Buffer> outside = new LinkedHashSet<>();

        Writer(CpuTarget target) {
            this.target = target;
        }

        /** The name of the pointer to a buffer's elements. */
        private String pointer(Buffer buffer) {
            Buffer owner = buffer.owner();
            if (!(owner.place() instanceof Buffer.Allocated)) {
                outside.add(owner);
            }
            return owner.toString();
        }

        String prelude(TensorProgram program) {
            StringBuilder declarations = new StringBuilder();
            for (int i = 0; i < program.inputs().size(); i++) {
                List<Scalar> dims = program.inputs().get(i).dims();
                for (int axis = 0; axis < dims.size(); axis++) {
                    declarations.append("  const int64_t in%d_%d = g->inputs[%d].dims[%d];%n".formatted(i, axis, i, axis));
                }
            }
            for (Buffer buffer : outside) {
                String type = CElement.of(buffer.stored()).storage();
                if (buffer.place() instanceof Buffer.Input input) {
                    declarations.append("  const %s *const %s = g->inputs[%d].data;%n".formatted(type, buffer, input.index()));
                } else if (buffer.place() instanceof Buffer.Weight weight) {
                    declarations.append("  const %s *const %s = g->weights[%d];%n".formatted(type, buffer, weight.index()));
                } else {
                    declarations.append("  static const %s %s[] = {%s};%n".formatted(type, buffer,
                            CElement.literals((Buffer.Constant) buffer.place(), buffer.stored())));
                }
            }
            return declarations.toString();
        }

        private void line(String indent, String format, Object... values) {
            text.append(indent).append(format.formatted(values)).append('\n');
        }

        private String value(Scalar x) {
            return scalars.text(x);
        }

        void statements(List<Statement> list, String indent) {
            for (Statement statement : list) {
                statement(statement, indent);
            }
        }

        private void statement(Statement statement, String in) {
            if (statement instanceof Statement.Operation operation) {
                line(in, "/* %d: %s */", operation.number(), operation.text().replace("*/", ""));
            } else if (statement instanceof Statement.Define define) {
                line(in, "const %s %s = %s;", CScalars.type(define.variable().type()), define.variable().name(), value(define.value()));
            } else if (statement instanceof Statement.Declare declare) {
                line(in, "%s %s;", CScalars.type(declare.variable().type()), declare.variable().name());
            } else if (statement instanceof Statement.Assign assign) {
                line(in, "%s = %s;", assign.variable().name(), value(assign.value()));
            } else if (statement instanceof Statement.Check check) {
                line(in, "if (!(%s)) return fail(g, %d, %d);", value(check.condition()), check.operation(), check.failure().code());
            } else if (statement instanceof Statement.CheckSize check) {
                line(in, "if (%s < 0) return fail(g, %d, %d);", bytes(check.dims(), 1), check.operation(), Failure.MEMORY.code());
            } else if (statement instanceof Statement.Allocate allocate) {
                allocate(allocate, in);
            } else if (statement instanceof Statement.DeclareBuffer declare) {
                line(in, "%s *%s;", CElement.of(declare.buffer().stored()).storage(), declare.buffer());
            } else if (statement instanceof Statement.AssignBuffer assign) {
                line(in, "%s = %s;", assign.buffer(), assign.of());
            } else if (statement instanceof Statement.Release release) {
                Buffer buffer = release.buffer();
                line(in, "give(&memory, g, %s, %s);", buffer, bytes(buffer.dims(), CElement.of(buffer.stored()).bytes()));
            } else if (statement instanceof Statement.Compute compute) {
                nest(compute.nest(), in);
            } else if (statement instanceof Statement.MatMul product) {
                matMul(product, in);
            } else if (statement instanceof Statement.Call call) {
                call(call, in);
            } else if (statement instanceof Statement.Barrier) {
                line(in, "t->barrier(t->team, t->id);");
            } else if (statement instanceof Statement.Branch branch) {
                line(in, "if (%s) {", value(branch.condition()));
                statements(branch.yes(), in + "  ");
                line(in, "} else {");
                statements(branch.no(), in + "  ");
                line(in, "}");
            } else if (statement instanceof Statement.Loop loop) {
                line(in, "for (int64_t %s = 0; %s < %s && %s; %s++) {", loop.counter().name(), loop.counter().name(), value(loop.trips()),
                        loop.goOn().name(), loop.counter().name());
                statements(loop.body(), in + "  ");
                line(in, "}");
            } else if (statement instanceof Statement.Output output) {
                line(in, "if (t->id == 0) {");
                line(in, "  g->outputs[%d].data = (void *)%s;", output.index(), pointer(output.buffer()));
                for (int axis = 0; axis < output.buffer().dims().size(); axis++) {
                    line(in, "  g->outputs[%d].dims[%d] = %s;", output.index(), axis, value(output.buffer().dims().get(axis)));
                }
                line(in, "}");
            }
        }

        private String bytes(List<Scalar> dims, int width) {
            if (dims.stream().allMatch(Index::isKnown)) {
                return TensorBytes.count(dims.stream().mapToLong(Index::value).toArray(), width) + "L";
            }
            return "tensor_bytes((int64_t[]){%s}, %d, %d)".formatted(
                    dims.stream().map(this::value).collect(Collectors.joining(", ")), dims.size(), width);
        }

        private void allocate(Statement.Allocate allocate, String in) {
            Buffer buffer = allocate.buffer();
            String type = CElement.of(buffer.stored()).storage();
            line(in, "%s *const %s = take(&memory, g, %s, %d);", type, buffer, bytes(buffer.dims(), CElement.of(buffer.stored()).bytes()),
                    allocate.operation());
            line(in, "if (!%s) return;", buffer);
        }

        /** A call of a function of its own: equal nests, of which layers have many, are compiled once. */
        private void nest(Nest nest, String in) {
            NestFunction function = NestFunction.of(nest, this::pointer);
            kernels.putIfAbsent(function.name(), function.source());
            line(in, "%s(%s);", function.name(), String.join(", ", function.arguments()));
        }

        private void matMul(Statement.MatMul product, String in) {
            TensorMatMul kernel = TensorMatMul.of(product, target);
            kernels.putIfAbsent(kernel.name(), kernel.source());
            line(in, "{");
            String d = in + "  ";
            String m = value(product.m());
            String n = value(product.n());
            line(d, "const int64_t rows = (%s + %d) / %d, columns = (%s + %d) / %d;", m, TensorMatMul.ROW_BLOCK - 1,
                    TensorMatMul.ROW_BLOCK, n, kernel.width() - 1, kernel.width());
            line(d, "int64_t from, to;");
            line(d, "share(%s * rows * columns, 1024 + %s * %s, t, &from, &to);",
                    value(Index.product(product.batch().stream().map(Scalar.Loop::extent).toList())),
                    value(product.k()), Integer.toString(kernel.width() * 8));
            line(d, "for (int64_t tile = from; tile < to; tile++) {");
            String b = d + "  ";
            line(b, "const int64_t row = tile %% rows * %d, column = tile / rows %% columns * %d, batch = tile / rows / columns;",
                    TensorMatMul.ROW_BLOCK, kernel.width());
            List<Scalar> counters = Index.unravel(product.batch().stream().map(Scalar.Loop::extent).toList(),
                    new Scalar.Variable(ScalarType.INDEX, "batch"));
            for (int i = 0; i < counters.size(); i++) {
                line(b, "const int64_t %s = %s;", product.batch().get(i).counter().name(), value(counters.get(i)));
            }
            line(b, "%s(%s + batch * %s * %s, %s + %s, %s + %s, %s, %s, %s, row, column);", kernel.name(),
                    pointer(product.c()), m, n, pointer(product.a()), value(product.aOffset()), pointer(product.b()),
                    value(product.bOffset()), m, value(product.k()), n);
            line(d, "}");
            line(in, "}");
        }

        private void call(Statement.Call call, String in) {
            if (!call.kernel().equals("top_k")) {
                throw new IllegalStateException("no kernel " + call.kernel());
            }
            CElement element = CElement.of(call.output().stored());
            String name = call.output().stored().keyword();
            kernels.putIfAbsent("top_k_" + name, CTemplate.fill(Map.of("name", name, "t", element.storage(), "scalar",
                    CScalars.type(call.output().stored().scalar()), "load", element.load("from[i * inner]"),
                    "load_other", element.load("best[(at - 1) * inner]")), "tensor_top_k.c"));
            List<String> arguments = new ArrayList<>(List.of(pointer(call.output())));
            call.buffers().forEach(buffer -> arguments.add(pointer(buffer)));
            call.sizes().forEach(size -> arguments.add(value(size)));
            line(in, "if (t->id == 0) top_k_%s(%s);", name, String.join(", ", arguments));
        }
    }
}
