package dev.catena.codegen.tensor;

import dev.catena.ir.ElementType;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.WeightData;
import java.util.ArrayList;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/** The buffers of a program as it is made: arguments, constants, weights, and what is allocated and given back. */
final class ProgramMemory {
    /** Elements; larger constants don't stand in the code. */
    private static final int MOST_IN_CODE = 1024;
    /** Elements; smaller weights are constants. */
    private static final int LEAST_OF_WEIGHT = 17;

    private final StepList steps;
    private final SymbolSizes sizes;
    private final List<TensorProgram.Weight> weights = new ArrayList<>();
    private final Map<WeightData, Buffer> weightBuffers = new IdentityHashMap<>();
    private Set<Buffer> allocated = new LinkedHashSet<>();
    /** Allocated, and not yet looked at by {@link #release}: a graph of many operations mustn't look at all for each. */
    private Set<Buffer> fresh = new LinkedHashSet<>();
    private int buffers;

    ProgramMemory(StepList steps, SymbolSizes sizes) {
        this.steps = steps;
        this.sizes = sizes;
    }

    List<TensorProgram.Weight> weights() {
        return weights;
    }

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
            Scalar.Variable given = new Scalar.Variable(ScalarType.INDEX, "in" + index + "_" + axis);
            Scalar size = sizes.ofArgument(type.dim(axis), given);
            shape.add(size);
            if (!size.equals(given)) {
                checks.add(new Statement.Check(Index.equal(given, size), Failure.SHAPE, -1 - index));
            }
        }
        checks.forEach(steps::add);
        steps.add(new Statement.CheckSize(shape, -1 - index));
        return buffer(type.element(), shape, new Buffer.Input(index));
    }

    /** A constant, in the code where it is small. */
    Array constant(Tensor value) {
        if (value.size() > MOST_IN_CODE) {
            return weight("constant", new LiteralWeight(value));
        }
        return Array.of(buffer(value.element(), TensorBuilder.literals(value.shape()), new Buffer.Constant(value)));
    }

    /** A weight, or a constant where it is small. */
    Array weight(String name, WeightData data) {
        Buffer known = weightBuffers.get(data);
        if (known != null) {
            return Array.of(known);
        }
        TensorType type = data.tensorType();
        if (type.elements().value() < LEAST_OF_WEIGHT) {
            return constant(data.tensor());
        }
        Buffer buffer = buffer(type.element(), TensorBuilder.literals(type.staticShape()), new Buffer.Weight(weights.size()));
        weights.add(new TensorProgram.Weight(name, data));
        weightBuffers.put(data, buffer);
        return Array.of(buffer);
    }

    /** The elements of a constant or weight; null of what isn't known before the program runs. */
    WeightData elements(Buffer buffer) {
        return buffer.place() instanceof Buffer.Constant constant ? new LiteralWeight(constant.value())
                : buffer.place() instanceof Buffer.Weight weight ? weights.get(weight.index()).data() : null;
    }

    /** The same memory under other dimensions. */
    Buffer alias(Buffer of, ElementType element, List<Scalar> shape) {
        return buffer(element, shape, new Buffer.Alias(of));
    }

    /** Memory for a tensor whose dimensions are literals or variables. */
    Buffer allocate(ElementType element, List<Scalar> shape) {
        Buffer buffer = buffer(element, shape.stream().map(steps::define).toList(), new Buffer.Allocated());
        steps.add(new Statement.Allocate(buffer, steps.operation()));
        return owned(buffer);
    }

    /** A buffer that is given its memory by sections, and gives back what it has like what was allocated. */
    Buffer declare(ElementType element, List<Scalar> shape) {
        Buffer buffer = buffer(element, shape, new Buffer.Allocated());
        steps.add(new Statement.DeclareBuffer(buffer));
        return owned(buffer);
    }

    private Buffer owned(Buffer buffer) {
        allocated.add(buffer);
        fresh.add(buffer);
        return buffer;
    }

    /** Whether the section whose code is made would have to give the buffer back. */
    boolean owns(Buffer buffer) {
        return buffer.place() instanceof Buffer.Allocated && allocated.contains(buffer);
    }

    /** The buffer's memory becomes that of {@code to}, which gives it back. */
    void handOver(Buffer buffer, Buffer to) {
        steps.add(new Statement.AssignBuffer(to, buffer));
        allocated.remove(buffer);
    }

    /** Gives back what was allocated since it was last asked, and {@code unread}, but for what is needed. */
    void release(Collection<Buffer> unread, Predicate<Buffer> needed) {
        fresh.addAll(unread);
        for (Buffer buffer : fresh) {
            if (!needed.test(buffer) && allocated.remove(buffer)) {
                steps.add(new Statement.Release(buffer));
            }
        }
        fresh.clear();
    }

    /** Gives back everything but what is needed. */
    void releaseAll(Predicate<Buffer> needed) {
        release(List.copyOf(allocated), needed);
    }

    /** What {@code body} allocates is its own to give back. */
    void apart(Runnable body) {
        Set<Buffer> outerAllocated = allocated;
        Set<Buffer> outerFresh = fresh;
        allocated = new LinkedHashSet<>();
        fresh = new LinkedHashSet<>();
        body.run();
        allocated = outerAllocated;
        fresh = outerFresh;
    }
}
