package dev.catena.codegen.tensor;

import dev.catena.ir.TensorType;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/** Branches and rounds of a program, and the buffers whose memory depends on them. */
final class ControlFlow {
    private final StepList steps;
    private final SymbolSizes sizes;
    private final ProgramMemory memory;
    private final TensorBuilder builder;

    ControlFlow(StepList steps, SymbolSizes sizes, ProgramMemory memory, TensorBuilder builder) {
        this.steps = steps;
        this.sizes = sizes;
        this.memory = memory;
        this.builder = builder;
    }

    /** Makes steps apart from those so far, with memory of their own. */
    List<Statement> section(Runnable body) {
        return steps.apart(() -> memory.apart(() -> sizes.apart(body)));
    }

    /** Takes one of two sections, both of which have assigned the results. */
    void branch(Scalar condition, List<Statement> yes, List<Statement> no) {
        steps.reads(condition);
        steps.add(new Statement.Branch(condition, yes, no));
    }

    /** A buffer with dimensions of its own that sections {@link #assign}. */
    Buffer declare(TensorType type) {
        List<Scalar> shape = new ArrayList<>();
        for (int axis = 0; axis < type.rank(); axis++) {
            if (type.dim(axis).isKnown()) {
                shape.add(Index.of(type.dim(axis).value()));
            } else {
                Scalar.Variable variable = steps.name(ScalarType.INDEX, "n");
                steps.add(new Statement.Declare(variable));
                shape.add(variable);
            }
        }
        return memory.declare(type.element(), shape);
    }

    /** Within a section: {@code declared} is a copy of {@code array}. */
    void assign(Buffer declared, Array array) {
        for (int axis = 0; axis < array.rank(); axis++) {
            if (declared.dims().get(axis) instanceof Scalar.Variable variable) {
                steps.add(new Statement.Assign(variable, array.dim(axis)));
            } else {
                steps.check(Index.equal(array.dim(axis), declared.dims().get(axis)), Failure.SHAPE);
            }
        }
        memory.handOver(builder.copy(array), declared);
    }

    /**
     * A loop; its body is made in a section.
     *
     * @param body of the round's number; gives whether there is a next round
     */
    void repeat(Scalar trips, Scalar condition, Function<Scalar, Scalar> body) {
        Scalar bound = steps.define(trips);
        Scalar.Variable goOn = steps.name(ScalarType.BOOL, "go");
        steps.add(new Statement.Declare(goOn));
        steps.add(new Statement.Assign(goOn, steps.define(condition)));
        Scalar.Variable round = steps.name(ScalarType.INDEX, "round");
        steps.settle();
        List<Statement> section = section(() -> {
            Scalar next = steps.define(body.apply(round));
            steps.add(new Statement.Assign(goOn, next));
            steps.settle(); // the next round may write over what was read
        });
        steps.add(new Statement.Loop(round, bound, goOn, section));
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
            boolean ours = buffer != null && memory.owns(buffer) && taken.add(buffer);
            own.add(ours ? buffer : builder.copy(array));
        }
        memory.releaseAll(own::contains);
        List<List<Scalar>> dims = new ArrayList<>();
        for (int i = 0; i < states.size(); i++) {
            dims.add(dimsOfNext(states.get(i), own.get(i)));
        }
        for (int i = 0; i < states.size(); i++) {
            steps.add(new Statement.Release(states.get(i)));
            for (int axis = 0; axis < dims.get(i).size(); axis++) {
                if (states.get(i).dims().get(axis) instanceof Scalar.Variable variable) {
                    steps.add(new Statement.Assign(variable, dims.get(i).get(axis)));
                }
            }
            memory.handOver(own.get(i), states.get(i));
        }
    }

    /** The dimensions that a state will have: variables of this round, since each may be a size that another state is about to lose. */
    private List<Scalar> dimsOfNext(Buffer state, Buffer next) {
        List<Scalar> dims = new ArrayList<>();
        for (int axis = 0; axis < state.dims().size(); axis++) {
            Scalar dim = next.dims().get(axis);
            if (state.dims().get(axis) instanceof Scalar.Variable) {
                Scalar.Variable now = steps.name(ScalarType.INDEX, "n");
                steps.add(new Statement.Define(now, dim));
                dims.add(now);
            } else {
                steps.check(Index.equal(dim, state.dims().get(axis)), Failure.SHAPE);
                dims.add(dim);
            }
        }
        return dims;
    }

    /** What was stacked so far, and one more part: in memory of its own. */
    Array stacked(Buffer stack, Scalar count, Array part) {
        List<Scalar> shape = new ArrayList<>(List.of(steps.define(Index.add(count, Index.ONE))));
        shape.addAll(part.dims());
        for (int axis = 1; axis < shape.size(); axis++) {
            steps.check(Index.or(Index.equal(count, Index.ZERO), Index.equal(stack.dims().get(axis), shape.get(axis))), Failure.SHAPE);
        }
        Buffer longer = memory.allocate(stack.element(), shape);
        builder.store(longer, Array.of(stack), shape.stream().map(dim -> Index.ZERO).toList());
        builder.storeAt(longer, count, part);
        return Array.of(longer);
    }
}
