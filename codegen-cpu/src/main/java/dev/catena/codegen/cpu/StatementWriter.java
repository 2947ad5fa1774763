package dev.catena.codegen.cpu;

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
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Prints statements as the C of one function, and notes the kernels that it calls. */
class StatementWriter {
    private final TensorProgram program;
    private final FunctionNames names;
    private final CpuTarget target;
    private final String stop;
    private final CScalars scalars;
    private final Map<String, String> kernels;
    private final Set<String> called = new LinkedHashSet<>();
    private final StringBuilder text = new StringBuilder();
    private int operation = -1;

    /**
     * @param stop    how the function ends early
     * @param kernels by name; those called are added
     */
    StatementWriter(TensorProgram program, FunctionNames names, CpuTarget target, String stop, Map<String, String> kernels) {
        this.program = program;
        this.names = names;
        this.target = target;
        this.stop = stop;
        this.kernels = kernels;
        scalars = new CScalars(names, TensorLibrary.CLANG);
    }

    /** Prints statements behind those of {@code before}. */
    final void follow(StatementWriter before) {
        operation = before.operation;
    }

    /** What was printed, with what it needs before it. */
    String body() {
        return names.head() + text;
    }

    /** The kernels that are called. */
    Set<String> called() {
        return called;
    }

    final void line(String indent, String format, Object... values) {
        text.append(indent).append(format.formatted(values)).append('\n');
    }

    private String value(Scalar x) {
        return scalars.text(x);
    }

    private void declare(String indent, String declaration) {
        if (!declaration.isEmpty()) {
            line(indent, "%s", declaration);
        }
    }

    private void kernel(String name, String source) {
        if (kernels.putIfAbsent(name, source) == null && kernels.size() > TensorProgram.MOST_KERNELS) {
            throw program.tooManyKernels(operation);
        }
        called.add(name);
    }

    /** Statements of the function itself, of a side of a branch, or of a loop. */
    void block(List<Statement> list, String indent) {
        list.forEach(statement -> statement(statement, indent));
    }

    final void statement(Statement statement, String in) {
        if (statement instanceof Statement.Operation operation) {
            this.operation = operation.number();
            line(in, "/* %d: %s */", operation.number(), operation.text().replace("*/", ""));
        } else if (statement instanceof Statement.Define define) {
            String value = value(define.value());
            line(in, "%s = %s;", names.define(define.variable()), value);
        } else if (statement instanceof Statement.Declare declare) {
            declare(in, names.declare(declare.variable()));
        } else if (statement instanceof Statement.Assign assign) {
            line(in, "%s = %s;", names.assigned(assign.variable()), value(assign.value()));
        } else if (statement instanceof Statement.Check check) {
            line(in, "if (!(%s)) { fail(g, %d, %d); %s; }", value(check.condition()), check.operation(), check.failure().code(), stop);
        } else if (statement instanceof Statement.CheckSize check) {
            line(in, "if (%s < 0) { fail(g, %d, %d); %s; }", bytes(check.dims(), 1), check.operation(), Failure.MEMORY.code(), stop);
        } else if (statement instanceof Statement.Allocate allocate) {
            allocate(allocate, in);
        } else if (statement instanceof Statement.DeclareBuffer declare) {
            declare(in, names.declare(declare.buffer()));
        } else if (statement instanceof Statement.AssignBuffer assign) {
            line(in, "%s = %s;", names.assigned(assign.buffer()), names.assigned(assign.of()));
        } else if (statement instanceof Statement.Release release) {
            Buffer buffer = release.buffer();
            line(in, "give(memory, g, %s, %s);", names.assigned(buffer), bytes(buffer.dims(), CElement.of(buffer.stored()).bytes()));
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
            block(branch.yes(), in + "  ");
            line(in, "} else {");
            block(branch.no(), in + "  ");
            line(in, "}");
        } else if (statement instanceof Statement.Loop loop) {
            String round = names.assigned(loop.counter());
            declare(in, names.declare(loop.counter()));
            line(in, "for (%s = 0; %s < %s && %s; %s++) {", round, round, value(loop.trips()), names.assigned(loop.goOn()), round);
            block(loop.body(), in + "  ");
            line(in, "}");
        } else if (statement instanceof Statement.Output output) {
            line(in, "if (t->id == 0) {");
            line(in, "  g->outputs[%d].data = (void *)%s;", output.index(), names.pointer(output.buffer()));
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
        line(in, "%s = take(memory, g, %s, %d);", names.define(buffer), bytes(buffer.dims(), CElement.of(buffer.stored()).bytes()),
                allocate.operation());
        line(in, "if (!%s) %s;", names.assigned(buffer), stop);
    }

    /** A call of a function of its own: equal nests, of which layers have many, are compiled once. */
    private void nest(Nest nest, String in) {
        NestFunction function = NestFunction.of(nest, names);
        kernel(function.name(), function.source());
        line(in, "%s(%s);", function.name(), String.join(", ", function.arguments()));
    }

    private void matMul(Statement.MatMul product, String in) {
        TensorMatMul kernel = TensorMatMul.of(product, target);
        kernel(kernel.name(), kernel.source());
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
        Scalar.Variable batch = new Scalar.Variable(ScalarType.INDEX, "batch");
        names.counter(batch);
        List<Scalar> counters = Index.unravel(product.batch().stream().map(Scalar.Loop::extent).toList(), batch);
        for (int i = 0; i < counters.size(); i++) {
            line(b, "const int64_t %s = %s;", names.counter(product.batch().get(i).counter()), value(counters.get(i)));
        }
        line(b, "%s(%s + batch * %s * %s, %s + %s, %s + %s, %s, %s, %s, row, column);", kernel.name(),
                names.pointer(product.c()), m, n, names.pointer(product.a()), value(product.aOffset()), names.pointer(product.b()),
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
        kernel("top_k_" + name, CTemplate.fill(Map.of("name", name, "t", element.storage(), "scalar",
                CScalars.type(call.output().stored().scalar()), "load", element.load("from[i * inner]"),
                "load_other", element.load("best[(at - 1) * inner]")), "tensor_top_k.c"));
        List<String> arguments = new ArrayList<>(List.of(names.pointer(call.output())));
        call.buffers().forEach(buffer -> arguments.add(names.pointer(buffer)));
        call.sizes().forEach(size -> arguments.add(value(size)));
        line(in, "if (t->id == 0) top_k_%s(%s);", name, String.join(", ", arguments));
    }
}
