package dev.catena.codegen.tensor.onnx;

import dev.catena.codegen.tensor.BinaryFunction;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.ScalarType;
import dev.catena.codegen.tensor.UnaryFunction;
import dev.catena.ir.ElementType;
import dev.catena.ir.NarrowFloat;

/** Expressions over elements, in short. */
final class Scalars {
    private Scalars() {}

    static Scalar constant(ScalarType type, double value) {
        return new Scalar.Literal(type, type.isFloat() ? Double.doubleToRawLongBits(value) : (long) value);
    }

    static Scalar constant(ScalarType type, long value) {
        return type.isFloat() ? constant(type, (double) value) : new Scalar.Literal(type, value);
    }

    static Scalar apply(UnaryFunction function, Scalar x) {
        return new Scalar.Unary(function, x);
    }

    static Scalar apply(BinaryFunction function, Scalar a, Scalar b) {
        return new Scalar.Binary(function, a, b);
    }

    static Scalar add(Scalar a, Scalar b) {
        return apply(BinaryFunction.ADD, a, b);
    }

    static Scalar subtract(Scalar a, Scalar b) {
        return apply(BinaryFunction.SUBTRACT, a, b);
    }

    static Scalar multiply(Scalar a, Scalar b) {
        return apply(BinaryFunction.MULTIPLY, a, b);
    }

    /** For reals. */
    static Scalar divide(Scalar a, Scalar b) {
        return apply(BinaryFunction.QUOTIENT, a, b);
    }

    static Scalar less(Scalar a, Scalar b) {
        return apply(BinaryFunction.LESS, a, b);
    }

    static Scalar select(Scalar condition, Scalar yes, Scalar no) {
        return new Scalar.Select(condition, yes, no);
    }

    /** What a tensor of this type holds of the value. */
    static Scalar rounded(ElementType element, Scalar x) {
        return switch (element) {
            case F64, F32, I64, I32, I16, I8, U64, U32, U16, U8, BOOL -> x;
            default -> new Scalar.Round(element, x, true, NarrowFloat.RoundMode.UP);
        };
    }

    /** The least value of a type, or minus infinity. */
    static Scalar least(ScalarType type) {
        if (type.isFloat()) {
            return constant(type, Double.NEGATIVE_INFINITY);
        }
        return new Scalar.Literal(type, !type.isSigned() ? 0 : -1L << (type.bits() - 1));
    }

    /** The largest value of a type, or infinity. */
    static Scalar largest(ScalarType type) {
        if (type.isFloat()) {
            return constant(type, Double.POSITIVE_INFINITY);
        }
        return new Scalar.Literal(type, type == ScalarType.BOOL ? 1 : type.isSigned() ? (1L << (type.bits() - 1)) - 1
                : type.bits() == 64 ? -1 : (1L << type.bits()) - 1);
    }
}
