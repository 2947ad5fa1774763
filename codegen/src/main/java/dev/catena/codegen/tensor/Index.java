package dev.catena.codegen.tensor;

import java.util.ArrayList;
import java.util.List;

/** Expressions over places and sizes, simplified as they are made. */
public final class Index {
    public static final Scalar ZERO = of(0);
    public static final Scalar ONE = of(1);

    private Index() {}

    public static Scalar of(long value) {
        return new Scalar.Literal(ScalarType.INDEX, value);
    }

    /** Whether {@code x} is known, and this. */
    public static boolean is(Scalar x, long value) {
        return x instanceof Scalar.Literal literal && literal.bits() == value;
    }

    public static boolean isKnown(Scalar x) {
        return x instanceof Scalar.Literal;
    }

    public static long value(Scalar x) {
        return ((Scalar.Literal) x).bits();
    }

    public static Scalar add(Scalar a, Scalar b) {
        if (is(a, 0)) {
            return b;
        }
        if (is(b, 0)) {
            return a;
        }
        return isKnown(a) && isKnown(b) ? of(value(a) + value(b)) : new Scalar.Binary(BinaryFunction.ADD, a, b);
    }

    public static Scalar subtract(Scalar a, Scalar b) {
        if (is(b, 0)) {
            return a;
        }
        return isKnown(a) && isKnown(b) ? of(value(a) - value(b)) : new Scalar.Binary(BinaryFunction.SUBTRACT, a, b);
    }

    public static Scalar multiply(Scalar a, Scalar b) {
        if (is(a, 0) || is(b, 0)) {
            return ZERO;
        }
        if (is(a, 1)) {
            return b;
        }
        if (is(b, 1)) {
            return a;
        }
        return isKnown(a) && isKnown(b) ? of(value(a) * value(b)) : new Scalar.Binary(BinaryFunction.MULTIPLY, a, b);
    }

    /** The quotient of values that aren't negative by one that isn't zero. */
    public static Scalar divide(Scalar a, Scalar b) {
        if (is(b, 1)) {
            return a;
        }
        return isKnown(a) && isKnown(b) && value(b) != 0 ? of(value(a) / value(b)) : new Scalar.Binary(BinaryFunction.QUOTIENT, a, b);
    }

    /** The remainder of values that aren't negative by one that isn't zero. */
    public static Scalar remainder(Scalar a, Scalar b) {
        if (is(b, 1)) {
            return ZERO;
        }
        return isKnown(a) && isKnown(b) && value(b) != 0 ? of(value(a) % value(b)) : new Scalar.Binary(BinaryFunction.REMAINDER, a, b);
    }

    public static Scalar minimum(Scalar a, Scalar b) {
        return isKnown(a) && isKnown(b) ? of(Math.min(value(a), value(b))) : new Scalar.Binary(BinaryFunction.MINIMUM, a, b);
    }

    public static Scalar maximum(Scalar a, Scalar b) {
        return isKnown(a) && isKnown(b) ? of(Math.max(value(a), value(b))) : new Scalar.Binary(BinaryFunction.MAXIMUM, a, b);
    }

    public static Scalar select(Scalar condition, Scalar yes, Scalar no) {
        if (isKnown(condition)) {
            return value(condition) != 0 ? yes : no;
        }
        return yes.equals(no) ? yes : new Scalar.Select(condition, yes, no);
    }

    public static Scalar equal(Scalar a, Scalar b) {
        return isKnown(a) && isKnown(b) ? truth(value(a) == value(b)) : a.equals(b) ? truth(true)
                : new Scalar.Binary(BinaryFunction.EQUAL, a, b);
    }

    public static Scalar less(Scalar a, Scalar b) {
        return isKnown(a) && isKnown(b) ? truth(value(a) < value(b)) : new Scalar.Binary(BinaryFunction.LESS, a, b);
    }

    public static Scalar lessOrEqual(Scalar a, Scalar b) {
        return isKnown(a) && isKnown(b) ? truth(value(a) <= value(b)) : new Scalar.Binary(BinaryFunction.LESS_OR_EQUAL, a, b);
    }

    public static Scalar and(Scalar a, Scalar b) {
        if (isKnown(a)) {
            return value(a) != 0 ? b : a;
        }
        if (isKnown(b)) {
            return value(b) != 0 ? a : b;
        }
        return new Scalar.Binary(BinaryFunction.AND, a, b);
    }

    public static Scalar or(Scalar a, Scalar b) {
        if (isKnown(a)) {
            return value(a) != 0 ? a : b;
        }
        if (isKnown(b)) {
            return value(b) != 0 ? b : a;
        }
        return new Scalar.Binary(BinaryFunction.OR, a, b);
    }

    public static Scalar truth(boolean value) {
        return new Scalar.Literal(ScalarType.BOOL, value ? 1 : 0);
    }

    /** The product of dimensions, which whoever defined them has found small enough. */
    public static Scalar product(List<Scalar> dims) {
        Scalar product = ONE;
        for (Scalar dim : dims) {
            product = multiply(product, dim);
        }
        return product;
    }

    /** Where the element at {@code index} stands in row-major order. */
    public static Scalar linear(List<Scalar> dims, List<Scalar> index) {
        Scalar place = ZERO;
        for (int i = 0; i < dims.size(); i++) {
            place = is(dims.get(i), 1) ? place : add(multiply(place, dims.get(i)), index.get(i));
        }
        return place;
    }

    /** The index of the element that stands at {@code place} in row-major order. */
    public static List<Scalar> unravel(List<Scalar> dims, Scalar place) {
        List<Scalar> index = new ArrayList<>();
        for (int i = dims.size() - 1; i >= 0; i--) {
            index.add(0, i == 0 ? place : remainder(place, dims.get(i)));
            place = divide(place, dims.get(i));
        }
        return index;
    }
}
