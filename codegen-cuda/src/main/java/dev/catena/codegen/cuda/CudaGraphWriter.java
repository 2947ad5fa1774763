package dev.catena.codegen.cuda;

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
import dev.catena.codegen.tensor.c.CParameters;
import dev.catena.codegen.tensor.c.CScalars;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Writes the control and the kernels of a {@link CudaGraph}, statement after statement. */
final class CudaGraphWriter implements CScalars.Names {
    /** Lines; longer control is several kernels, so that none takes long to compile. */
    private static final int MOST_CONTROL = 256;
    /** Nearly three times what a small encoder has: of twice as much NVRTC's process takes more than 300 MB. */
    private static final int MOST_SOURCE = 1 << 19;

    /** Control, and what is launched behind it. */
    private record Segment(String control, List<CudaGraph.Launch> behind, int operation) {}

    private final TensorProgram program;
    private final CScalars scalars = new CScalars(this, CudaNest.CPP);
    private final Map<Object, Integer> slots = new HashMap<>();
    private final Map<String, String> kernels = new LinkedHashMap<>();
    private final Map<String, String> constants = new LinkedHashMap<>();
    private final List<Segment> segments = new ArrayList<>();
    private final StringBuilder first = new StringBuilder();
    private final Set<String> counters = new HashSet<>();
    /** Of segments, not of launches. */
    private final List<CudaGraph.Loop> loops = new ArrayList<>();
    /** Slots that say which sides of branches are taken. */
    private final List<Integer> taken = new ArrayList<>();
    private int sourceLength;
    private int loopDepth;
    private int operation = -1;

    private StringBuilder control = new StringBuilder();
    private int lines;
    private List<CudaGraph.Launch> behind = new ArrayList<>();
    /** Slots that say whether the sides of branches that statements stand in are taken, innermost first. */
    private final Deque<Integer> sides = new ArrayDeque<>();

    CudaGraphWriter(TensorProgram program) {
        this.program = program;
        slot("running");
        for (int i = 0; i < program.weights().size(); i++) {
            slot(new Buffer.Weight(i));
        }
        for (int i = 0; i < program.inputs().size(); i++) {
            slot(new Buffer.Input(i));
            for (int axis = 0; axis < program.inputs().get(i).dims().size(); axis++) {
                slot("in" + i + "_" + axis);
            }
        }
        for (int i = 0; i < program.outputs().size(); i++) {
            for (int part = 0; part <= program.outputs().get(i).dims().size(); part++) {
                slot("out" + i + "_" + part);
            }
        }
    }

    /** The slot of a value, by whatever stands for it. */
    private int slot(Object what) {
        return slots.computeIfAbsent(what, w -> slots.size());
    }

    /** Where the address of a buffer's memory stands. */
    private int addressSlot(Buffer buffer) {
        Buffer.Place place = buffer.owner().place();
        if (place instanceof Buffer.Constant constant) {
            return slots.computeIfAbsent(buffer.owner(), b -> {
                String name = constant(constant, buffer);
                first.append("  s[").append(slots.size()).append("] = (int64_t)").append(name).append(";\n");
                return slots.size();
            });
        }
        return slot(place instanceof Buffer.Allocated ? buffer.owner() : (Object) place);
    }

    private String constant(Buffer.Constant constant, Buffer buffer) {
        byte[] bytes = constant.bytes();
        int width = CElement.of(buffer.stored()).bytes();
        StringBuilder words = new StringBuilder();
        for (int at = 0; at < bytes.length; at += width) {
            long word = 0;
            for (int i = width - 1; i >= 0; i--) {
                word = word << 8 | bytes[at + i] & 0xff;
            }
            words.append(at == 0 ? "" : ", ").append("0x").append(Long.toHexString(word)).append(width == 8 ? "ul" : "");
        }
        String text = "[] = {" + (words.isEmpty() ? "0" : words) + "};\n";
        String name = "constant_" + StructureHash.of(width + text);
        constants.put(name, "__device__ const uint" + 8 * width + "_t " + name + text);
        return name;
    }

    /** Where a number stands that the program knows. */
    private int numberSlot(long number) {
        return slots.computeIfAbsent(number, n -> {
            first.append("  s[").append(slots.size()).append("] = ").append(CScalars.integer(ScalarType.I64, number)).append(";\n");
            return slots.size();
        });
    }

    private int sizeSlot(Scalar size) {
        return Index.isKnown(size) ? numberSlot(Index.value(size)) : slot(((Scalar.Variable) size).name());
    }

    // ---- names in control ----

    @Override
    public String pointer(Buffer buffer) {
        return "((const " + CElement.of(buffer.stored()).storage() + " *)s[" + addressSlot(buffer) + "])";
    }

    @Override
    public String variable(Scalar.Variable variable) {
        return counters.contains(variable.name()) ? variable.name()
                : CudaNest.value(variable.type(), "s[" + slot(variable.name()) + "]");
    }

    @Override
    public String counter(Scalar.Variable counter) {
        counters.add(counter.name());
        return counter.name();
    }

    @Override
    public String operation(int number) {
        return Integer.toString(number);
    }

    // ---- control ----

    private void line(String format, Object... values) {
        if (control.isEmpty()) {
            sides.descendingIterator().forEachRemaining(side -> control.append("  if (s[").append(side).append("]) {\n"));
        }
        control.append("  ".repeat(sides.size() + 1)).append(format.formatted(values)).append('\n');
        lines++;
    }

    /** Before control that reads what kernels have written, or would become too long. */
    private void settle(Scalar... read) {
        boolean reads = false;
        for (Scalar each : read) {
            reads |= readsMemory(each);
        }
        if (reads && !behind.isEmpty() || lines > MOST_CONTROL) {
            endSegment();
        }
    }

    /** Before control that changes a slot which launches that wait may still read: in a loop slots change. */
    private void settleLaunches() {
        if (loopDepth > 0 && !behind.isEmpty()) {
            endSegment();
        }
    }

    private void endSegment() {
        if (!control.isEmpty()) {
            control.append("  }\n".repeat(sides.size()));
        }
        segments.add(new Segment(control.toString(), behind, operation));
        control = new StringBuilder();
        lines = 0;
        behind = new ArrayList<>();
    }

    private static boolean readsMemory(Scalar x) {
        return x.reads(buffer -> buffer.owner().place() instanceof Buffer.Allocated);
    }

    private String text(Scalar x) {
        return scalars.text(x);
    }

    /** How a value stands in a slot. */
    private String stored(Scalar x) {
        String text = text(x);
        return x.type() == ScalarType.F32 ? "bits_f32(" + text + ")" : x.type() == ScalarType.F64 ? "(int64_t)bits_f64(" + text + ")" : text;
    }

    private String bytes(List<Scalar> dims, int width) {
        return dims.stream().allMatch(Index::isKnown) ? knownBytes(dims, width)
                : "bytes_of(" + width + ", " + dims.stream().map(dim -> "(int64_t)" + text(dim)).collect(Collectors.joining(", ")) + ")";
    }

    private static String knownBytes(List<Scalar> dims, int width) {
        return Long.toString(TensorBytes.count(dims.stream().mapToLong(Index::value).toArray(), width));
    }

    void statements(List<Statement> list) {
        list.forEach(this::statement);
    }

    private void statement(Statement statement) {
        if (statement instanceof Statement.Operation begun) {
            operation = begun.number();
        } else if (statement instanceof Statement.Define define) {
            set(define.variable(), define.value());
        } else if (statement instanceof Statement.Assign assign) {
            settleLaunches();
            set(assign.variable(), assign.value());
        } else if (statement instanceof Statement.Check check) {
            settle(check.condition());
            line("if (!(%s)) return stop(g, %d, %d);", text(check.condition()), check.operation(), check.failure().code());
        } else if (statement instanceof Statement.CheckSize check) {
            settle();
            if (!check.dims().stream().allMatch(Index::isKnown) || knownBytes(check.dims(), 1).equals("-1")) {
                line("if (%s < 0) return stop(g, %d, %d);", bytes(check.dims(), 1), check.operation(), Failure.MEMORY.code());
            }
        } else if (statement instanceof Statement.Allocate allocate) {
            settle();
            line("if (!allocate(g, %d, %s, %d)) return;", addressSlot(allocate.buffer()),
                    bytes(allocate.buffer().dims(), CElement.of(allocate.buffer().stored()).bytes()), allocate.operation());
        } else if (statement instanceof Statement.AssignBuffer assign) {
            settle();
            settleLaunches();
            line("s[%d] = s[%d];", addressSlot(assign.buffer()), addressSlot(assign.of()));
        } else if (statement instanceof Statement.Release release) {
            settle();
            line("release(g, %d, %s);", addressSlot(release.buffer()),
                    bytes(release.buffer().dims(), CElement.of(release.buffer().stored()).bytes()));
        } else if (statement instanceof Statement.Compute compute) {
            nest(compute.nest());
        } else if (statement instanceof Statement.MatMul product) {
            launch(CudaNest.of(product), product.c());
        } else if (statement instanceof Statement.Call call) {
            call(call);
        } else if (statement instanceof Statement.Branch branch) {
            branch(branch);
        } else if (statement instanceof Statement.Loop loop) {
            loop(loop);
        } else if (statement instanceof Statement.Output output) {
            settle();
            int slot = slot("out" + output.index() + "_0");
            line("s[%d] = s[%d];", slot, addressSlot(output.buffer()));
            for (int axis = 0; axis < output.buffer().dims().size(); axis++) {
                line("s[%d] = %s;", slot + 1 + axis, text(output.buffer().dims().get(axis)));
            }
        }
        // Launches wait for each other, and slots need no declaration.
    }

    private void set(Scalar.Variable variable, Scalar value) {
        settle(value);
        line("s[%d] = %s;", slot(variable.name()), stored(value));
    }

    private void branch(Statement.Branch branch) {
        settle(branch.condition());
        int yes = slot("taken" + slots.size());
        int no = slot("taken" + slots.size());
        taken.add(yes);
        taken.add(no);
        // Of a side that isn't taken all within isn't, either.
        first.append("  s[").append(yes).append("] = s[").append(no).append("] = 0;\n");
        line("s[%d] = %s;", yes, text(branch.condition()));
        line("s[%d] = !s[%d];", no, yes);
        side(yes, branch.yes());
        side(no, branch.no());
    }

    private void side(int slot, List<Statement> list) {
        line("if (s[%d]) {", slot);
        sides.push(slot);
        statements(list);
        sides.pop();
        if (!control.isEmpty()) {
            line("}");
        }
    }

    /** The body stands under a slot that says whether there is a round; the last control of a round decides on the next. */
    private void loop(Statement.Loop loop) {
        int again = slot("again" + slots.size());
        int counter = slot(loop.counter().name());
        first.append("  s[").append(again).append("] = 0;\n");
        settleLaunches();
        line("s[%d] = 0;", counter);
        line("s[%d] = 0 < %s && %s;", again, text(loop.trips()), text(loop.goOn()));
        endSegment();
        int from = segments.size();
        int takenBefore = taken.size();
        sides.push(again);
        loopDepth++;
        statements(loop.body());
        settleLaunches();
        taken.subList(takenBefore, taken.size()).forEach(side -> line("s[%d] = 0;", side));
        line("s[%d] += 1;", counter);
        line("s[%d] = s[%d] < %s && %s;", again, counter, text(loop.trips()), text(loop.goOn()));
        endSegment();
        loopDepth--;
        sides.pop();
        loops.add(new CudaGraph.Loop(from, segments.size() - 1, again));
    }

    // ---- kernels ----

    private void nest(Nest nest) {
        launch(CudaNest.of(nest), nest.output());
    }

    private void launch(CudaNest kernel, Buffer output) {
        List<Integer> arguments = new ArrayList<>(List.of(addressSlot(output)));
        for (CParameters.Parameter parameter : kernel.parameters()) {
            if (parameter instanceof CParameters.Pointer p) {
                arguments.add(addressSlot(p.buffer()));
            } else if (parameter instanceof CParameters.Value value) {
                arguments.add(slot(value.variable().name()));
            } else {
                arguments.add(numberSlot(((CParameters.Operation) parameter).number()));
            }
        }
        if (kernel.elements() >= 0) {
            launch(kernel.name(), kernel.source(), kernel.elements(), arguments);
        }
    }

    private void call(Statement.Call call) {
        if (!call.kernel().equals("top_k")) {
            throw new IllegalStateException("no kernel " + call.kernel());
        }
        CElement element = CElement.of(call.output().stored());
        String name = call.output().stored().keyword();
        List<Integer> arguments = new ArrayList<>(List.of(addressSlot(call.output())));
        call.buffers().forEach(buffer -> arguments.add(addressSlot(buffer)));
        call.sizes().forEach(size -> arguments.add(sizeSlot(size)));
        String source = KernelSet.resource("tensor_top_k.cuh").replace("${name}", name).replace("${t}", element.storage())
                .replace("${scalar}", CScalars.type(call.output().stored().scalar())).replace("${load}", element.load("from[i * inner]"))
                .replace("${load_other}", element.load("best[(at - 1) * inner]"));
        launch("top_k_" + name, source, 0, arguments);
    }

    private void launch(String name, String source, long elements, List<Integer> arguments) {
        addKernel(name, source, operation);
        List<Integer> all = new ArrayList<>(List.of(sides.isEmpty() ? slot("running") : sides.peek()));
        all.addAll(arguments);
        behind.add(new CudaGraph.Launch(name, elements, all));
    }

    private void addKernel(String name, String source, int operation) {
        if (kernels.putIfAbsent(name, source) != null) {
            return;
        }
        if (kernels.size() > TensorProgram.MOST_KERNELS) {
            throw program.tooManyKernels(operation);
        }
        sourceLength += source.length();
        if (sourceLength > MOST_SOURCE) {
            throw program.tooMuchSource(operation, MOST_SOURCE);
        }
    }

    CudaGraph finished() {
        endSegment();
        List<CudaGraph.Launch> launches = new ArrayList<>();
        int[] starts = new int[segments.size() + 1];
        for (int i = 0; i < segments.size(); i++) {
            starts[i] = launches.size();
            String body = (i == 0 ? first : "") + segments.get(i).control();
            if (!body.isEmpty()) {
                String head = """
                        (catena_graph *g) {
                          int64_t *const s = g->slots;
                          if (!s[0]) return;
                        %s  if (g->needed) stop(g, g->needed_by, MEMORY);
                        }
                        """.formatted(body);
                String name = "control_" + StructureHash.of(head);
                addKernel(name, "extern \"C\" __global__ __launch_bounds__(1) void " + name + head, segments.get(i).operation());
                launches.add(new CudaGraph.Launch(name, 1, List.of()));
            }
            launches.addAll(segments.get(i).behind());
        }
        starts[segments.size()] = launches.size();
        List<CudaGraph.Loop> ofLaunches = loops.stream()
                .map(loop -> new CudaGraph.Loop(starts[loop.from()], starts[loop.to() + 1] - 1, loop.slot())).toList();
        return new CudaGraph(slots.size(), List.copyOf(launches), ofLaunches, kernels, constants);
    }
}
