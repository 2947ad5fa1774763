package dev.catena.codegen.tensor;

import dev.catena.ir.ElementType;
import dev.catena.ir.NarrowFloat;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** An expression of one value: what a tensor's element is made of, a dimension, or a place in memory. */
public sealed interface Scalar {
    ScalarType type();

    /** What it is computed from. */
    List<Scalar> operands();

    /** Nodes of the tree. */
    default int size() {
        int size = 1;
        for (Scalar operand : operands()) {
            size += operand.size();
        }
        return size;
    }

    /** Whether an element of such a buffer is read. */
    default boolean reads(Predicate<Buffer> which) {
        return this instanceof Load load && which.test(load.buffer()) || operands().stream().anyMatch(operand -> operand.reads(which));
    }

    /** @param bits an integer's value, or {@link Double#doubleToRawLongBits} of a real's */
    record Literal(ScalarType type, long bits) implements Scalar {
        @Override
        public List<Scalar> operands() {
            return List.of();
        }

        public double real() {
            return type.isFloat() ? Double.longBitsToDouble(bits) : bits;
        }
    }

    /** A loop's counter, or what {@link Statement.Define} has named. */
    record Variable(ScalarType type, String name) implements Scalar {
        @Override
        public List<Scalar> operands() {
            return List.of();
        }
    }

    /** Element {@code index} of a buffer, counted in row-major order. */
    record Load(Buffer buffer, Scalar index) implements Scalar {
        @Override
        public ScalarType type() {
            return ScalarType.of(buffer.element());
        }

        @Override
        public List<Scalar> operands() {
            return List.of(index);
        }
    }

    record Unary(UnaryFunction function, Scalar x) implements Scalar {
        @Override
        public ScalarType type() {
            return function.isTest() ? ScalarType.BOOL : x.type();
        }

        @Override
        public List<Scalar> operands() {
            return List.of(x);
        }
    }

    record Binary(BinaryFunction function, Scalar a, Scalar b) implements Scalar {
        public Binary {
            if (a.type() != b.type()) {
                throw new IllegalArgumentException(function + " of " + a.type() + " and " + b.type());
            }
        }

        @Override
        public ScalarType type() {
            return function.isTest() ? ScalarType.BOOL : a.type();
        }

        @Override
        public List<Scalar> operands() {
            return List.of(a, b);
        }
    }

    /** An integer division, of which a zero divisor is an error of operation {@code operation}. */
    record Division(BinaryFunction function, Scalar a, Scalar b, int operation) implements Scalar {
        @Override
        public ScalarType type() {
            return a.type();
        }

        @Override
        public List<Scalar> operands() {
            return List.of(a, b);
        }
    }

    record Select(Scalar condition, Scalar yes, Scalar no) implements Scalar {
        public Select {
            if (yes.type() != no.type()) {
                throw new IllegalArgumentException("a choice between " + yes.type() + " and " + no.type());
            }
        }

        @Override
        public ScalarType type() {
            return yes.type();
        }

        @Override
        public List<Scalar> operands() {
            return List.of(condition, yes, no);
        }
    }

    /** A value in another type: reals are truncated to integers (what doesn't fit gives no particular one), integers wrap. */
    record Convert(ScalarType type, Scalar x) implements Scalar {
        @Override
        public List<Scalar> operands() {
            return List.of(x);
        }
    }

    /**
     * A value rounded to one that {@code element} can hold, ties to even.
     *
     * @param saturate what is too large for a float of 8 bits becomes the largest it has, not infinity or NaN
     * @param mode     of powers of two alone
     */
    record Round(ElementType element, Scalar x, boolean saturate, NarrowFloat.RoundMode mode) implements Scalar {
        /** The element type, for targets. */
        public StoredType stored() {
            return StoredType.of(element);
        }

        /** 0 up, 1 down, 2 to the nearest. */
        public int direction() {
            return mode.ordinal();
        }

        @Override
        public ScalarType type() {
            return ScalarType.of(element);
        }

        @Override
        public List<Scalar> operands() {
            return List.of(x);
        }
    }

    /** An index that counts from the end when it is negative; one outside [−size, size) is an error of the operation. */
    record CheckedIndex(Scalar index, Scalar extent, int operation) implements Scalar {
        @Override
        public ScalarType type() {
            return ScalarType.INDEX;
        }

        @Override
        public List<Scalar> operands() {
            return List.of(index, extent);
        }
    }

    /**
     * All values of {@code body} while the loops' counters run, brought together by ADD, MULTIPLY, MAXIMUM, MINIMUM, AND
     * or OR, from {@code start} on. The order is fixed for a given machine code, not by this description.
     */
    record Reduce(BinaryFunction function, Scalar start, List<Loop> loops, Scalar body) implements Scalar {
        public Reduce {
            loops = List.copyOf(loops);
        }

        @Override
        public ScalarType type() {
            return body.type();
        }

        @Override
        public int size() {
            return 1 + body.size();
        }

        @Override
        public List<Scalar> operands() {
            List<Scalar> all = new ArrayList<>(List.of(start, body));
            loops.forEach(loop -> all.add(loop.extent()));
            return all;
        }
    }

    /** A counter from 0 to {@code extent} − 1. */
    record Loop(Variable counter, Scalar extent) {}
}
