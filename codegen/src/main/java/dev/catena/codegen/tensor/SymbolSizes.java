package dev.catena.codegen.tensor;

import dev.catena.ir.Dim;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What is known of the sizes that types give as symbols, where code is made. */
final class SymbolSizes {
    private final StepList steps;
    private Map<Dim, Scalar> sizes = new HashMap<>();

    SymbolSizes(StepList steps) {
        this.steps = steps;
    }

    /** A dimension as it is known, or null. */
    Scalar known(Dim dim) {
        return dim.isKnown() ? Index.of(dim.value()) : sizes.get(dim);
    }

    /** A dimension of an argument: of a symbol that none had before it is what the caller gives. */
    Scalar ofArgument(Dim declared, Scalar.Variable given) {
        return declared.isKnown() ? Index.of(declared.value()) : sizes.computeIfAbsent(declared, d -> given);
    }

    /**
     * The dimensions of a result: what its type says, where that is known, and that the operation's own arithmetic agrees is
     * checked when it runs. Where the type has symbols that arithmetic decides: of two symbols that broadcast, a type names one.
     */
    List<Scalar> agreed(Value result, List<Scalar> computed) {
        TensorType type = result.tensorType();
        if (type.rank() != computed.size()) {
            throw steps.refuse("rank " + computed.size() + " where " + type.text() + " is declared");
        }
        List<Scalar> agreed = new ArrayList<>();
        for (int axis = 0; axis < type.rank(); axis++) {
            agreed.add(agreed(type.dim(axis), computed.get(axis)));
        }
        if (!agreed.stream().allMatch(Index::isKnown)) {
            steps.add(new Statement.CheckSize(agreed, steps.operation()));
        }
        return agreed;
    }

    private Scalar agreed(Dim declared, Scalar computed) {
        if (declared.isKnown()) {
            Scalar known = Index.of(declared.value());
            steps.check(Index.equal(computed, known), Failure.SHAPE);
            return known;
        }
        Scalar earlier = sizes.get(declared);
        if (computed.equals(earlier)) {
            return earlier;
        }
        Scalar defined = steps.define(computed);
        if (!(defined instanceof Scalar.Literal)) {
            steps.check(Index.lessOrEqual(Index.ZERO, defined), Failure.SHAPE);
        }
        sizes.putIfAbsent(declared, defined);
        return defined;
    }

    /** Forgets what {@code body} learns: a variable of a section means nothing outside it. */
    void apart(Runnable body) {
        Map<Dim, Scalar> outer = sizes;
        sizes = new HashMap<>(outer);
        body.run();
        sizes = outer;
    }
}
