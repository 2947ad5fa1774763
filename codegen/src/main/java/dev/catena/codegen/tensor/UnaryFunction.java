package dev.catena.codegen.tensor;

/**
 * Functions of one value. ROUND is to the nearest, halves to even; SIGMOID 1 / (1 + e⁻ˣ); NOT of truth values, INVERT of
 * bits. IS_… give truth values; all others a value of their operand's type.
 */
public enum UnaryFunction {
    NEGATE, ABSOLUTE, SIGN, NOT, INVERT,
    FLOOR, CEIL, ROUND, TRUNCATE,
    SQUARE_ROOT, EXP, LOG, LOG1P, EXPM1, SIN, COS, TAN, ASIN, ACOS, ATAN, SINH, COSH, TANH, ASINH, ACOSH, ATANH, ERF, SIGMOID,
    IS_NAN, IS_INFINITE;

    public boolean isTest() {
        return this == IS_NAN || this == IS_INFINITE;
    }
}
