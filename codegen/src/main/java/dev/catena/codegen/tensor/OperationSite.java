package dev.catena.codegen.tensor;

import dev.catena.ir.ElementType;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** An operation whose code is being made, with the arrays of its operands. */
public final class OperationSite {
    /** Each becomes variables of the code: a list that some node makes a million long must not. */
    private static final int MOST_INTEGERS = 256;

    private final Operation operation;
    private final List<Array> operands;
    private final TensorBuilder builder;
    private final int number;

    OperationSite(Operation operation, List<Array> operands, TensorBuilder builder) {
        this.operation = operation;
        this.operands = operands;
        this.builder = builder;
        this.number = builder.operation();
    }

    /** By which its errors are reported, also from within another operation's loops. */
    public int number() {
        return number;
    }

    public Operation operation() {
        return operation;
    }

    public TensorBuilder builder() {
        return builder;
    }

    /** All operands; an absent one is null. */
    public List<Array> operands() {
        return operands;
    }

    public boolean has(int operand) {
        return operand < operands.size() && operands.get(operand) != null;
    }

    /** An operand that must be there. */
    public Array operand(int index) {
        if (!has(index)) {
            throw builder.refuse("operand " + index + " is missing");
        }
        return operands.get(index);
    }

    public TensorType resultType() {
        return operation.result().tensorType();
    }

    public ElementType resultElement() {
        return resultType().element();
    }

    /** The dimensions of the first result, of which {@code computed} is what the operation makes of its operands. */
    public List<Scalar> dims(List<Scalar> computed) {
        return builder.dims(operation.result(), computed);
    }

    /** The value of an operand that is known at compile time, else null. */
    public Tensor constant(int operand) {
        return has(operand) ? operands.get(operand).constant() : null;
    }

    /** An operand of one dimension, or none, as sizes: literals where they are known, else variables that are read. */
    public List<Scalar> integers(int operand) {
        Array array = operand(operand);
        if (array.rank() > 1) {
            throw builder.refuse("operand " + operand + " has rank " + array.rank() + ", a list of integers is expected");
        }
        if (array.constant() != null) {
            return TensorBuilder.literals(array.constant().longs());
        }
        if (array.rank() == 1 && !Index.isKnown(array.dim(0))) {
            throw builder.refuse("the length of operand " + operand + " is known only when it runs; code needs it");
        }
        long count = array.rank() == 0 ? 1 : Index.value(array.dim(0));
        if (count > MOST_INTEGERS) {
            throw builder.refuse("operand " + operand + " holds " + count + " sizes, more than any tensor has dimensions");
        }
        List<Scalar> values = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            Scalar value = array.at(array.rank() == 0 ? List.of() : List.of(Index.of(i)));
            values.add(builder.define(convert(value, ScalarType.INDEX)));
        }
        return values;
    }

    /** The only element of an operand, in its own type. */
    public Scalar single(int operand) {
        Array array = operand(operand);
        for (Scalar dim : array.dims()) {
            builder.check(Index.equal(dim, Index.ONE), Failure.SHAPE);
        }
        return builder.define(array.at(array.dims().stream().map(d -> Index.ZERO).toList()));
    }

    /** Axes that are known at compile time, from an operand or an attribute, made positive; null where there are none. */
    public List<Integer> axes(int operand, String attribute, int rank) {
        List<Long> given;
        if (has(operand)) {
            if (constant(operand) == null) {
                throw builder.refuse("its axes are known only when it runs; code needs them");
            }
            given = Arrays.stream(constant(operand).longs()).boxed().toList();
        } else if (operation.hasAttribute(attribute)) {
            given = operation.intsAttribute(attribute);
        } else {
            return null;
        }
        return given.stream().map(axis -> axis(axis, rank)).toList();
    }

    /** An axis counted from the front. */
    public int axis(long axis, int rank) {
        long positive = axis < 0 ? axis + rank : axis;
        if (positive < 0 || positive >= rank) {
            throw builder.refuse("axis " + axis + " of a tensor of rank " + rank);
        }
        return (int) positive;
    }

    /** A value in another type; the value itself where it has that type. */
    public static Scalar convert(Scalar x, ScalarType to) {
        if (x.type() == to) {
            return x;
        }
        if (x instanceof Scalar.Literal literal && !literal.type().isFloat() && to == ScalarType.INDEX) {
            return Index.of(literal.bits());
        }
        return new Scalar.Convert(to, x);
    }
}
