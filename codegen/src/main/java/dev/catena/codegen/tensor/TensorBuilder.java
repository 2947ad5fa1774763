package dev.catena.codegen.tensor;

import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.IrException;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BinaryOperator;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;

/** What the code of operations is written with: names, checks, memory, nests, products. */
public final class TensorBuilder {
    /** Whose elements one expression brings together. */
    private static final int MOST_OPERANDS = 64;
    /** Larger constants don't stand in the code. */
    private static final int MOST_IN_CODE = 1024;
    private static final int ROWS_AT_ONCE = 1 << 18;
    /** As many as 25 000 additions or 7500 softmaxes have: for more there is neither memory nor time. */
    private static final int MOST_STATEMENTS = 1 << 17;

    private final List<TensorProgram.Weight> weights = new ArrayList<>();
    private final List<String> operations = new ArrayList<>();
    private final Map<WeightData, Buffer> weightBuffers = new IdentityHashMap<>();
    private final Map<Dim, Scalar> dims = new HashMap<>();
    private List<Statement> statements = new ArrayList<>();
    private Set<Buffer> allocated = new LinkedHashSet<>();
    /** Allocated, and not yet looked at by {@link #release}: a graph of many operations mustn't look at all for each. */
    private Set<Buffer> fresh = new LinkedHashSet<>();
    private int buffers;
    private int names;
    private boolean memoryRead;
    private int statementsMade;

    // ---- operations, for messages ----

    void begin(Operation op) {
        operations.add(op.origin().isEmpty() ? op.name() : op.origin() + " (" + op.name() + ")");
        add(new Statement.Operation(operation(), op.name()));
    }

    /** The number of the operation whose code is made. */
    public int operation() {
        return operations.size() - 1;
    }

    List<String> operations() {
        return operations;
    }

    List<TensorProgram.Weight> weights() {
        return weights;
    }

    List<Statement> statements() {
        return statements;
    }

    private void add(Statement statement) {
        if (++statementsMade > MOST_STATEMENTS) {
            throw refuse("the graph's code has more than " + MOST_STATEMENTS + " steps up to here; cut the model into several");
        }
        statements.add(statement);
    }

    // ---- values that every thread computes ----

    private Scalar.Variable name(ScalarType type, String hint) {
        return new Scalar.Variable(type, hint + names++);
    }

    /** A size as a literal or a variable. */
    public Scalar define(Scalar value) {
        if (value instanceof Scalar.Literal || value instanceof Scalar.Variable) {
            return value;
        }
        memoryRead |= readsMemory(value);
        Scalar.Variable variable = name(value.type(), "n");
        add(new Statement.Define(variable, value));
        return variable;
    }

    private static boolean readsMemory(Scalar x) {
        return x.reads(buffer -> true);
    }

    /** Ends the run where the condition doesn't hold; an error now where it is known not to. */
    public void check(Scalar condition, Failure failure) {
        if (Index.isKnown(condition)) {
            if (Index.value(condition) == 0) {
                throw new IrException(operations.get(operation()) + ": shapes do not fit");
            }
            return;
        }
        memoryRead |= readsMemory(condition);
        add(new Statement.Check(condition, failure, operation()));
    }

    /**
     * The dimensions of a result: what its type says, where that is known, and that the operation's own arithmetic agrees is
     * checked when it runs. Where the type has symbols that arithmetic decides: of two symbols that broadcast, a type names one.
     */
    public List<Scalar> dims(Value result, List<Scalar> computed) {
        TensorType type = result.tensorType();
        if (type.rank() != computed.size()) {
            throw new IrException(operations.get(operation()) + ": rank " + computed.size() + " where " + type.text() + " is declared");
        }
        List<Scalar> agreed = new ArrayList<>();
        for (int axis = 0; axis < type.rank(); axis++) {
            agreed.add(dim(type.dim(axis), computed.get(axis)));
        }
        if (!agreed.stream().allMatch(Index::isKnown)) {
            add(new Statement.CheckSize(agreed, operation()));
        }
        return agreed;
    }

    private Scalar dim(Dim declared, Scalar computed) {
        if (declared.isKnown()) {
            Scalar known = Index.of(declared.value());
            check(Index.equal(computed, known), Failure.SHAPE);
            return known;
        }
        Scalar earlier = dims.get(declared);
        if (computed.equals(earlier)) {
            return earlier;
        }
        Scalar defined = define(computed);
        if (!(defined instanceof Scalar.Literal)) {
            check(Index.lessOrEqual(Index.ZERO, defined), Failure.SHAPE);
        }
        dims.putIfAbsent(declared, defined);
        return defined;
    }

    // ---- memory ----

    private Buffer buffer(ElementType element, List<Scalar> shape, Buffer.Place place) {
        return new Buffer(buffers++, element, shape, place);
    }

    /**
     * An argument of the stage: symbols that it is the first to have are variables that the caller gives.
     *
     * @param read whether anything but its element type matters
     */
    Buffer input(int index, TensorType type, boolean read) {
        if (!read) {
            return buffer(type.element(), List.of(), new Buffer.Input(index));
        }
        List<Scalar> shape = new ArrayList<>();
        List<Statement> checks = new ArrayList<>();
        for (int axis = 0; axis < type.rank(); axis++) {
            Dim declared = type.dim(axis);
            Scalar.Variable given = new Scalar.Variable(ScalarType.INDEX, "in" + index + "_" + axis);
            if (declared.isKnown()) {
                shape.add(Index.of(declared.value()));
            } else {
                shape.add(dims.computeIfAbsent(declared, d -> given));
            }
            if (!shape.get(axis).equals(given)) {
                checks.add(new Statement.Check(Index.equal(given, shape.get(axis)), Failure.SHAPE, -1 - index));
            }
        }
        checks.forEach(this::add);
        add(new Statement.CheckSize(shape, -1 - index));
        return buffer(type.element(), shape, new Buffer.Input(index));
    }

    /** A constant, in the code where it is small. */
    public Array constant(Tensor value) {
        if (value.size() > MOST_IN_CODE) {
            return weight("constant", new LiteralWeight(value));
        }
        return Array.of(buffer(value.element(), literals(value.shape()), new Buffer.Constant(value)));
    }

    /** A weight, or a constant where it is small. */
    Array weight(String name, WeightData data) {
        Buffer known = weightBuffers.get(data);
        if (known != null) {
            return Array.of(known);
        }
        TensorType type = data.tensorType();
        if (type.elements().value() <= 16) {
            return constant(data.tensor());
        }
        Buffer buffer = buffer(type.element(), literals(type.staticShape()), new Buffer.Weight(weights.size()));
        weights.add(new TensorProgram.Weight(name, data));
        weightBuffers.put(data, buffer);
        return Array.of(buffer);
    }

    /** The sums of a constant matrix's columns, modulo 2^32; null where the matrix isn't constant. Read a few rows at a time. */
    public Tensor columnSums(Array matrix) {
        Buffer buffer = matrix.buffer();
        WeightData data = buffer == null ? null : buffer.place() instanceof Buffer.Constant constant ? new LiteralWeight(constant.value())
                : buffer.place() instanceof Buffer.Weight weight ? weights.get(weight.index()).data() : null;
        if (data == null) {
            return null;
        }
        long[] shape = data.tensorType().staticShape();
        int columns = Math.toIntExact(shape[1]);
        int atOnce = (int) Math.max(1, Math.min(shape[0], ROWS_AT_ONCE / Math.max(1, columns)));
        float[] rows = new float[Math.multiplyExact(atOnce, columns)];
        long[] sums = new long[columns];
        for (long row = 0; row < shape[0]; row += atOnce) {
            int taken = (int) Math.min(atOnce, shape[0] - row);
            data.read(new long[] {row, 0}, new long[] {taken, columns}, rows, 0);
            for (int i = 0; i < taken * columns; i++) {
                sums[i % columns] += (long) rows[i];
            }
        }
        return Tensor.ofLongs(ElementType.I32, LongStream.of(sums).map(sum -> (int) sum).toArray(), columns);
    }

    static List<Scalar> literals(long... values) {
        List<Scalar> all = new ArrayList<>();
        for (long v : values) {
            all.add(Index.of(v));
        }
        return all;
    }

    /** Memory for a tensor whose dimensions are literals or variables. */
    public Buffer allocate(ElementType element, List<Scalar> shape) {
        Buffer buffer = buffer(element, shape.stream().map(this::define).toList(), new Buffer.Allocated());
        add(new Statement.Allocate(buffer, operation()));
        allocated.add(buffer);
        fresh.add(buffer);
        return buffer;
    }

    /** Gives back what was allocated since it was last asked, and {@code unread}, but for what is needed. */
    void release(Collection<Buffer> unread, Predicate<Buffer> needed) {
        fresh.addAll(unread);
        for (Buffer buffer : fresh) {
            if (!needed.test(buffer) && allocated.remove(buffer)) {
                add(new Statement.Release(buffer));
            }
        }
        fresh.clear();
    }

    /** Gives back everything. */
    void releaseAll() {
        release(List.copyOf(allocated), buffer -> false);
    }

    /** The array in memory, in one whole. */
    public Array inMemory(Array array) {
        if (array.buffer() != null) {
            return array;
        }
        Buffer buffer = allocate(array.element(), array.dims());
        fill(buffer, array);
        return Array.of(buffer);
    }

    /** The array in memory of its own. */
    Array copy(Array array) {
        Buffer buffer = allocate(array.element(), array.dims());
        fill(buffer, array);
        return Array.of(buffer);
    }

    private void fill(Buffer buffer, Array array) {
        if (array.flat() != null) {
            Scalar.Loop loop = loop(buffer.elements());
            compute(Nest.of(buffer, List.of(loop), array.flat().apply(loop.counter())));
        } else {
            List<Scalar.Loop> loops = loops(array.dims());
            compute(Nest.of(buffer, loops, array.at(counters(loops))));
        }
    }

    /** The array, computed already if reading an element twice would compute it twice. */
    public Array cheap(Array array) {
        return array.computes() ? inMemory(array) : array;
    }

    /** The same elements in the same order under other dimensions. */
    public Array reshape(Array array, List<Scalar> shape) {
        if (array.buffer() == null && array.flat() != null) {
            return array.reshaped(shape);
        }
        Buffer whole = inMemory(array).buffer();
        if (whole.place() instanceof Buffer.Constant constant && shape.stream().allMatch(Index::isKnown)) {
            return constant(constant.value().reshaped(shape.stream().mapToLong(Index::value).toArray()));
        }
        return Array.of(buffer(array.element(), shape, new Buffer.Alias(whole)));
    }

    // ---- loops ----

    public Scalar.Loop loop(Scalar extent) {
        return new Scalar.Loop(name(ScalarType.INDEX, "i"), extent);
    }

    public List<Scalar.Loop> loops(List<Scalar> extents) {
        return extents.stream().map(this::loop).toList();
    }

    public static List<Scalar> counters(List<Scalar.Loop> loops) {
        return loops.stream().map(loop -> (Scalar) loop.counter()).toList();
    }

    /** Runs a nest; what it stores may be read by what follows. */
    public void compute(Nest nest) {
        settle();
        add(new Statement.Compute(nest));
        add(new Statement.Barrier());
    }

    /** Calls a kernel of the target's. */
    public void call(String kernel, Buffer output, List<Buffer> operands, List<Scalar> sizes) {
        List<Scalar> defined = sizes.stream().map(this::define).toList();
        settle();
        add(new Statement.Call(kernel, output, operands, defined));
        add(new Statement.Barrier());
    }

    /** What all threads have read, none may write over before all have read it. */
    private void settle() {
        if (memoryRead) {
            add(new Statement.Barrier());
            memoryRead = false;
        }
    }

    // ---- broadcasting ----

    /** The common dimensions of arrays that are read together (numpy's rule). */
    public List<Scalar> broadcast(List<List<Scalar>> shapes) {
        int rank = shapes.stream().mapToInt(List::size).max().orElse(0);
        List<Scalar> common = new ArrayList<>();
        for (int axis = 0; axis < rank; axis++) {
            Scalar dim = Index.ONE;
            for (List<Scalar> shape : shapes) {
                int at = axis - rank + shape.size();
                if (at >= 0) {
                    dim = together(dim, shape.get(at));
                }
            }
            common.add(dim);
        }
        return common;
    }

    private Scalar together(Scalar a, Scalar b) {
        if (a.equals(b) || Index.is(b, 1)) {
            return a;
        }
        if (Index.is(a, 1)) {
            return b;
        }
        if (Index.isKnown(a) && Index.isKnown(b)) {
            check(Index.truth(false), Failure.SHAPE);
        }
        Scalar one = Index.ONE;
        check(Index.or(Index.equal(a, b), Index.or(Index.equal(a, one), Index.equal(b, one))), Failure.SHAPE);
        return define(Index.select(Index.equal(a, one), b, a));
    }

    /** The array repeated along the axes where it has 1. */
    public Array broadcast(Array array, List<Scalar> shape) {
        if (array.dims().equals(shape)) {
            return array;
        }
        int lead = shape.size() - array.rank();
        List<Scalar> steps = new ArrayList<>();
        for (int axis = 0; axis < array.rank(); axis++) {
            Scalar own = array.dim(axis);
            Scalar wanted = shape.get(lead + axis);
            steps.add(Index.is(own, 1) ? Index.ZERO : own.equals(wanted) ? Index.ONE
                    : define(Index.select(Index.equal(own, Index.ONE), Index.ZERO, Index.ONE)));
        }
        boolean single = steps.stream().allMatch(step -> Index.is(step, 0));
        boolean same = steps.stream().allMatch(step -> Index.is(step, 1))
                && shape.subList(0, lead).stream().allMatch(dim -> Index.is(dim, 1));
        UnaryOperator<Scalar> flat = same ? array.flat()
                : single ? place -> array.at(array.dims().stream().map(d -> Index.ZERO).toList()) : null;
        return array.found(shape, index -> {
            List<Scalar> own = new ArrayList<>();
            for (int axis = 0; axis < array.rank(); axis++) {
                own.add(Index.multiply(index.get(lead + axis), steps.get(axis)));
            }
            return array.at(own);
        }, flat);
    }

    /** A function of elements that stand at the same (broadcast) place. */
    public Array elementwise(Value result, List<Array> operands, Function<List<Scalar>, Scalar> value) {
        List<Scalar> shape = dims(result, broadcast(operands.stream().map(Array::dims).toList()));
        return elementwise(result.tensorType().element(), shape, operands, value);
    }

    /** Likewise, to a type and dimensions that the operands broadcast to. */
    public Array elementwise(ElementType element, List<Scalar> shape, List<Array> operands, Function<List<Scalar>, Scalar> value) {
        List<Array> wide = operands.stream().map(array -> broadcast(narrows(array, shape) ? cheap(array) : array, shape)).toList();
        return Array.elementwise(element, shape, wide, value);
    }

    /**
     * The operands brought together one after the other, as {@link #elementwise} does it; of many what some of them make is computed
     * into memory, so that no expression grows without end.
     */
    public Array folded(Value result, List<Array> operands, BinaryOperator<Scalar> function) {
        List<Scalar> shape = dims(result, broadcast(operands.stream().map(Array::dims).toList()));
        ElementType element = result.tensorType().element();
        Function<List<Scalar>, Scalar> value = v -> v.stream().reduce(function).orElseThrow();
        List<Array> group = new ArrayList<>();
        for (Array operand : operands) {
            group.add(operand.links() > MOST_OPERANDS ? inMemory(operand) : operand);
            if (group.stream().mapToInt(Array::links).sum() + group.size() > MOST_OPERANDS) {
                Array some = inMemory(elementwise(element, shape, group, value));
                group.clear();
                group.add(some);
            }
        }
        return group.size() == 1 && operands.size() > 1 ? group.get(0) : elementwise(element, shape, group, value);
    }

    private static boolean narrows(Array array, List<Scalar> shape) {
        return !array.dims().equals(shape);
    }

    // ---- reductions and products ----

    /**
     * A reduction over axes.
     *
     * @param shape  of the result: that of {@code x} where {@code keep}, with 1 at the axes, else without them
     * @param each   what is reduced, of an element and its index
     * @param finish what the result is, of the reduced value
     */
    public Array reduce(Array x, boolean[] axes, boolean keep, ElementType element, List<Scalar> shape, BinaryFunction function,
            Scalar start, Function<Scalar, Scalar> each, Function<Scalar, Scalar> finish) {
        List<Scalar.Loop> kept = new ArrayList<>();
        List<Scalar.Loop> reduced = new ArrayList<>();
        List<Scalar> index = new ArrayList<>();
        for (int axis = 0; axis < x.rank(); axis++) {
            Scalar.Loop loop = loop(x.dim(axis));
            (axes[axis] ? reduced : kept).add(loop);
            index.add(loop.counter());
        }
        Buffer output = allocate(element, shape);
        Scalar value = finish.apply(new Scalar.Reduce(function, start, reduced, each.apply(x.at(index))));
        compute(Nest.of(output, kept, value));
        return Array.of(output);
    }

    /** The matrix products of the last two axes of a and b; the axes before broadcast to those of {@code shape}. */
    public Array matMul(Array a, Array b, List<Scalar> shape, ElementType element, ScalarType sum) {
        Array left = inMemory(a);
        Array right = inMemory(b);
        int rank = shape.size();
        List<Scalar.Loop> batch = loops(shape.subList(0, rank - 2));
        Scalar m = shape.get(rank - 2);
        Scalar n = shape.get(rank - 1);
        Scalar k = left.dim(-1);
        check(Index.equal(k, right.dim(-2)), Failure.SHAPE);
        Scalar aOffset = batchOffset(left, batch);
        Scalar bOffset = batchOffset(right, batch);
        Buffer output = allocate(element, shape);
        settle();
        add(new Statement.MatMul(output, left.buffer(), right.buffer(), batch, m, k, n, aOffset, bOffset, sum));
        add(new Statement.Barrier());
        return Array.of(output);
    }

    private Scalar batchOffset(Array matrix, List<Scalar.Loop> batch) {
        int own = matrix.rank() - 2;
        List<Scalar> lead = matrix.dims().subList(0, own);
        List<Scalar> index = new ArrayList<>();
        for (int axis = 0; axis < own; axis++) {
            Scalar.Loop loop = batch.get(batch.size() - own + axis);
            Scalar dim = lead.get(axis);
            index.add(Index.is(dim, 1) ? Index.ZERO : dim.equals(loop.extent()) ? loop.counter()
                    : Index.multiply(loop.counter(), define(Index.select(Index.equal(dim, Index.ONE), Index.ZERO, Index.ONE))));
        }
        Scalar matrixSize = define(Index.multiply(matrix.dim(-2), matrix.dim(-1)));
        return Index.multiply(Index.linear(lead, index), matrixSize);
    }

    /** Stores an array into a part of a buffer that begins at {@code start} of each axis. */
    public void store(Buffer output, Array part, List<Scalar> start) {
        List<Scalar.Loop> loops = loops(part.dims());
        List<Scalar> index = new ArrayList<>();
        for (int axis = 0; axis < loops.size(); axis++) {
            index.add(Index.add(start.get(axis), loops.get(axis).counter()));
        }
        compute(new Nest(output, loops, part.at(counters(loops)), Optional.of(Index.linear(output.dims(), index)),
                Optional.empty(), false));
    }

    // ---- branches ----

    /** Makes statements apart from those so far, with memory of their own. */
    Section section(Runnable body) {
        List<Statement> outer = statements;
        Set<Buffer> outerAllocated = allocated;
        Set<Buffer> outerFresh = fresh;
        Map<Dim, Scalar> outerDims = Map.copyOf(dims);
        statements = new ArrayList<>();
        allocated = new LinkedHashSet<>();
        fresh = new LinkedHashSet<>();
        boolean outerRead = memoryRead;
        body.run();
        Section section = new Section(statements, allocated);
        statements = outer;
        allocated = outerAllocated;
        fresh = outerFresh;
        memoryRead |= outerRead;
        dims.clear();
        dims.putAll(outerDims);
        return section;
    }

    record Section(List<Statement> statements, Set<Buffer> allocated) {}

    /** Takes one of two sections and makes the results that both have assigned known. */
    void branch(Scalar condition, Section yes, Section no) {
        memoryRead |= readsMemory(condition);
        add(new Statement.Branch(condition, yes.statements(), no.statements()));
    }

    /** A buffer with dimensions of its own that sections {@link #assign}. */
    Buffer declare(TensorType type) {
        List<Scalar> shape = new ArrayList<>();
        for (int axis = 0; axis < type.rank(); axis++) {
            if (type.dim(axis).isKnown()) {
                shape.add(Index.of(type.dim(axis).value()));
            } else {
                Scalar.Variable variable = name(ScalarType.INDEX, "n");
                add(new Statement.Declare(variable));
                shape.add(variable);
            }
        }
        Buffer buffer = buffer(type.element(), shape, new Buffer.Allocated());
        add(new Statement.DeclareBuffer(buffer));
        allocated.add(buffer);
        fresh.add(buffer);
        return buffer;
    }

    /** Within a section: {@code declared} is a copy of {@code array}. */
    void assign(Buffer declared, Array array) {
        for (int axis = 0; axis < array.rank(); axis++) {
            if (declared.dims().get(axis) instanceof Scalar.Variable variable) {
                add(new Statement.Assign(variable, array.dim(axis)));
            } else {
                check(Index.equal(array.dim(axis), declared.dims().get(axis)), Failure.SHAPE);
            }
        }
        Buffer own = copy(array).buffer();
        add(new Statement.AssignBuffer(declared, own));
        allocated.remove(own);
    }

    // ---- loops that run in order ----

    /**
     * A loop; its body is made in a section.
     *
     * @param body of the round's number; gives whether there is a next round
     */
    void repeat(Scalar trips, Scalar condition, Function<Scalar, Scalar> body) {
        Scalar bound = define(trips);
        Scalar.Variable goOn = name(ScalarType.BOOL, "go");
        add(new Statement.Declare(goOn));
        add(new Statement.Assign(goOn, define(condition)));
        Scalar.Variable round = name(ScalarType.INDEX, "round");
        settle();
        Section section = section(() -> {
            Scalar next = define(body.apply(round));
            add(new Statement.Assign(goOn, next));
            settle(); // the next round may write over what was read
        });
        add(new Statement.Loop(round, bound, goOn, section.statements()));
    }

    /** Values that go round are in memory of their own before the first round. */
    Buffer carried(TensorType type, Array first) {
        Buffer buffer = declare(type);
        assign(buffer, first);
        return buffer;
    }

    /** The end of a round: each of {@code states} becomes a copy of its next version; all else is given back. */
    void advance(List<Buffer> states, List<Array> next) {
        List<Buffer> own = new ArrayList<>();
        Set<Buffer> taken = new LinkedHashSet<>();
        for (Array array : next) {
            Buffer buffer = array.buffer();
            boolean ours = buffer != null && buffer.place() instanceof Buffer.Allocated && allocated.contains(buffer) && taken.add(buffer);
            own.add(ours ? buffer : copy(array).buffer());
        }
        release(List.copyOf(allocated), own::contains);
        List<List<Scalar>> sizes = new ArrayList<>();
        for (int i = 0; i < states.size(); i++) {
            List<Scalar> dims = new ArrayList<>();
            for (int axis = 0; axis < states.get(i).dims().size(); axis++) {
                Scalar dim = own.get(i).dims().get(axis);
                if (states.get(i).dims().get(axis) instanceof Scalar.Variable) {
                    Scalar.Variable now = name(ScalarType.INDEX, "n"); // it may be a size that another state is about to lose
                    add(new Statement.Define(now, dim));
                    dims.add(now);
                } else {
                    check(Index.equal(dim, states.get(i).dims().get(axis)), Failure.SHAPE);
                    dims.add(null);
                }
            }
            sizes.add(dims);
        }
        for (int i = 0; i < states.size(); i++) {
            add(new Statement.Release(states.get(i)));
            for (int axis = 0; axis < sizes.get(i).size(); axis++) {
                if (sizes.get(i).get(axis) != null) {
                    add(new Statement.Assign((Scalar.Variable) states.get(i).dims().get(axis), sizes.get(i).get(axis)));
                }
            }
            add(new Statement.AssignBuffer(states.get(i), own.get(i)));
            allocated.remove(own.get(i));
        }
    }

    /** A dimension as it is known where code is made, or null. */
    Scalar known(Dim dim) {
        return dim.isKnown() ? Index.of(dim.value()) : dims.get(dim);
    }

    /** Stores an array at an index of the first axis of a buffer. */
    void storeAt(Buffer output, Scalar at, Array part) {
        List<Scalar.Loop> loops = loops(part.dims());
        List<Scalar> index = new ArrayList<>(List.of(at));
        index.addAll(counters(loops));
        compute(new Nest(output, loops, part.at(counters(loops)), Optional.of(Index.linear(output.dims(), index)),
                Optional.empty(), false));
    }

    /** What was stacked so far, and one more part: in memory of its own. */
    Array stacked(Buffer stack, Scalar count, Array part) {
        List<Scalar> shape = new ArrayList<>(List.of(define(Index.add(count, Index.ONE))));
        shape.addAll(part.dims());
        for (int axis = 1; axis < shape.size(); axis++) {
            check(Index.or(Index.equal(count, Index.ZERO), Index.equal(stack.dims().get(axis), shape.get(axis))), Failure.SHAPE);
        }
        Buffer longer = allocate(stack.element(), shape);
        store(longer, Array.of(stack), shape.stream().map(dim -> Index.ZERO).toList());
        storeAt(longer, count, part);
        return Array.of(longer);
    }

    void output(int index, Buffer buffer) {
        add(new Statement.Output(index, buffer));
    }

    /** An error of the operation whose code is made, in one line. */
    public IrException refuse(String why) {
        return new IrException((operations.isEmpty() ? "inputs" : operations.get(operation())) + ": " + why);
    }
}
