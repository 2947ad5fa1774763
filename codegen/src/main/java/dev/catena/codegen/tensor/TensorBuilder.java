package dev.catena.codegen.tensor;

import dev.catena.ir.ElementType;
import dev.catena.ir.IrException;
import dev.catena.ir.Tensor;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BinaryOperator;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/** What the code of operations is written with: sizes, checks, arrays in memory, nests, broadcasting, products. */
public final class TensorBuilder {
    /** Whose elements one expression brings together. */
    private static final int MOST_OPERANDS = 64;

    private final StepList steps;
    private final SymbolSizes sizes;
    private final ProgramMemory memory;

    TensorBuilder(StepList steps, SymbolSizes sizes, ProgramMemory memory) {
        this.steps = steps;
        this.sizes = sizes;
        this.memory = memory;
    }

    // ---- values that every thread computes ----

    /** The number of the operation whose code is made. */
    public int operation() {
        return steps.operation();
    }

    /** An error of the operation whose code is made, in one line. */
    public IrException refuse(String why) {
        return steps.refuse(why);
    }

    /** A size as a literal or a variable. */
    public Scalar define(Scalar value) {
        return steps.define(value);
    }

    /** Ends the run where the condition doesn't hold; an error now where it is known not to. */
    public void check(Scalar condition, Failure failure) {
        steps.check(condition, failure);
    }

    /**
     * The dimensions of a result: what its type says, where that is known, and that the operation's own arithmetic agrees is
     * checked when it runs.
     */
    public List<Scalar> dims(Value result, List<Scalar> computed) {
        return sizes.agreed(result, computed);
    }

    static List<Scalar> literals(long... values) {
        List<Scalar> all = new ArrayList<>();
        for (long v : values) {
            all.add(Index.of(v));
        }
        return all;
    }

    // ---- memory ----

    /** A constant, in the code where it is small. */
    public Array constant(Tensor value) {
        return memory.constant(value);
    }

    /** The elements of an array that is a constant or a weight as a whole; null of any other. */
    public WeightData constantElements(Array array) {
        return array.buffer() == null ? null : memory.elements(array.buffer());
    }

    /** Memory for a tensor whose dimensions are literals or variables. */
    public Buffer allocate(ElementType element, List<Scalar> shape) {
        return memory.allocate(element, shape);
    }

    /** The array in memory, in one whole. */
    public Array inMemory(Array array) {
        return array.buffer() != null ? array : Array.of(copy(array));
    }

    /** The array in memory of its own. */
    Buffer copy(Array array) {
        Buffer buffer = allocate(array.element(), array.dims());
        if (array.flat() != null) {
            Scalar.Loop loop = loop(buffer.elements());
            compute(Nest.of(buffer, List.of(loop), array.flat().apply(loop.counter())));
        } else {
            List<Scalar.Loop> loops = loops(array.dims());
            compute(Nest.of(buffer, loops, array.at(counters(loops))));
        }
        return buffer;
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
        return Array.of(memory.alias(whole, array.element(), shape));
    }

    // ---- loops ----

    public Scalar.Loop loop(Scalar extent) {
        return new Scalar.Loop(steps.name(ScalarType.INDEX, "i"), extent);
    }

    public List<Scalar.Loop> loops(List<Scalar> extents) {
        return extents.stream().map(this::loop).toList();
    }

    public static List<Scalar> counters(List<Scalar.Loop> loops) {
        return loops.stream().map(loop -> (Scalar) loop.counter()).toList();
    }

    /** Runs a nest; what it stores may be read by what follows. */
    public void compute(Nest nest) {
        steps.addShared(new Statement.Compute(nest));
    }

    /** Calls a kernel of the target's. */
    public void call(String kernel, Buffer output, List<Buffer> operands, List<Scalar> sizes) {
        steps.addShared(new Statement.Call(kernel, output, operands, sizes.stream().map(steps::define).toList()));
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

    // ---- products and parts ----

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
        steps.addShared(new Statement.MatMul(output, left.buffer(), right.buffer(), batch, m, k, n, aOffset, bOffset, sum));
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
        store(output, index, part, loops);
    }

    /** Stores an array at an index of the first axis of a buffer. */
    void storeAt(Buffer output, Scalar at, Array part) {
        List<Scalar.Loop> loops = loops(part.dims());
        List<Scalar> index = new ArrayList<>(List.of(at));
        index.addAll(counters(loops));
        store(output, index, part, loops);
    }

    private void store(Buffer output, List<Scalar> index, Array part, List<Scalar.Loop> loops) {
        compute(new Nest(output, loops, part.at(counters(loops)), Optional.of(Index.linear(output.dims(), index)),
                Optional.empty(), false));
    }
}
