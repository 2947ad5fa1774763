package dev.catena.codegen.tensor;

/**
 * Functions of two values of one type. Integers wrap. MAXIMUM and MINIMUM are NaN where an operand is. QUOTIENT and
 * REMAINDER are C's (truncated; the remainder has the dividend's sign), MODULO has the divisor's sign. Integers are divided
 * by {@link Scalar.Division}, which looks at the divisor.
 */
public enum BinaryFunction {
    ADD, SUBTRACT, MULTIPLY, QUOTIENT, REMAINDER, MODULO, POWER, MAXIMUM, MINIMUM,
    BIT_AND, BIT_OR, BIT_XOR, SHIFT_LEFT, SHIFT_RIGHT,
    AND, OR, XOR,
    EQUAL, LESS, LESS_OR_EQUAL;

    /** Whether it gives a truth value. */
    public boolean isTest() {
        return switch (this) {
            case AND, OR, XOR, EQUAL, LESS, LESS_OR_EQUAL -> true;
            default -> false;
        };
    }
}
