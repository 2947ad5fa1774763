package dev.catena.codegen;

import java.util.List;

/**
 * An elementwise computation over [rows, columns], independent of any target: element (r, c) of the result is
 * {@code value} at (r, c).
 *
 * @param columns of the result; the rows are known when it runs
 */
public record LoopNest(int columns, Expression value) {
    /** The value at (r, c). */
    public sealed interface Expression {}

    /** Operand {@code operand} at (r, c), or at (r, 0) if its view has one column and the nest has more. */
    public record Load(int operand) implements Expression {}

    public record Constant(float value) implements Expression {}

    public record Unary(UnaryOperation operation, Expression operand) implements Expression {}

    public record Binary(BinaryOperation operation, Expression left, Expression right) implements Expression {}

    /** Functions of one value; SIGMOID is 1 / (1 + e⁻ˣ), ERF the Gauss error function. */
    public enum UnaryOperation { NEGATE, ABSOLUTE, SQUARE_ROOT, EXP, SIGMOID, TANH, ERF }

    /** Functions of two values; MAXIMUM and MINIMUM are NaN where an operand is. */
    public enum BinaryOperation { ADD, SUBTRACT, MULTIPLY, DIVIDE, MAXIMUM, MINIMUM, POWER }

    /** left + right. */
    public static LoopNest add(int columns) {
        return new LoopNest(columns, new Binary(BinaryOperation.ADD, new Load(0), new Load(1)));
    }

    /** silu(gate) · up, operands in this order. */
    public static LoopNest swiglu(int columns) {
        Expression gate = new Load(0);
        Expression silu = binary(BinaryOperation.MULTIPLY, gate, unary(UnaryOperation.SIGMOID, gate));
        return new LoopNest(columns, binary(BinaryOperation.MULTIPLY, silu, new Load(1)));
    }

    /** x · sigmoid(factor · x). */
    public static Expression swish(Expression x, float factor) {
        Expression scaled = factor == 1 ? x : times(factor, x);
        return binary(BinaryOperation.MULTIPLY, x, unary(UnaryOperation.SIGMOID, scaled));
    }

    /** x times the normal distribution function. */
    public static Expression gelu(Expression x) {
        return halfOnePlus(x, unary(UnaryOperation.ERF, times((float) Math.sqrt(0.5), x)));
    }

    /** The same by tanh: 0.5 x (1 + tanh(√(2 / π) (x + 0.044715 x³))). */
    public static Expression geluTanh(Expression x) {
        Expression cubic = binary(BinaryOperation.MULTIPLY, x, times(0.044715f, binary(BinaryOperation.MULTIPLY, x, x)));
        return halfOnePlus(x, unary(UnaryOperation.TANH,
                times((float) Math.sqrt(2 / Math.PI), binary(BinaryOperation.ADD, x, cubic))));
    }

    /** cap · tanh(x / cap). */
    public static Expression softcap(Expression x, float cap) {
        return times(cap, unary(UnaryOperation.TANH, binary(BinaryOperation.DIVIDE, x, new Constant(cap))));
    }

    public static Expression times(float factor, Expression x) {
        return binary(BinaryOperation.MULTIPLY, new Constant(factor), x);
    }

    private static Expression halfOnePlus(Expression x, Expression y) {
        return binary(BinaryOperation.MULTIPLY, times(0.5f, x), binary(BinaryOperation.ADD, new Constant(1), y));
    }

    public static Expression unary(UnaryOperation operation, Expression operand) {
        return new Unary(operation, operand);
    }

    public static Expression binary(BinaryOperation operation, Expression left, Expression right) {
        return new Binary(operation, left, right);
    }

    /** How many operands it loads: one more than the highest index. */
    public int operandCount() {
        return operandCount(value);
    }

    private static int operandCount(Expression expression) {
        if (expression instanceof Load load) {
            return load.operand() + 1;
        } else if (expression instanceof Unary unary) {
            return operandCount(unary.operand());
        } else if (expression instanceof Binary binary) {
            return Math.max(operandCount(binary.left()), operandCount(binary.right()));
        }
        return 0;
    }

    /** Refuses operands that the loads don't fit. */
    void check(List<View> operands) {
        if (operands.size() < operandCount()) {
            throw new IllegalArgumentException(operandCount() + " operands needed, given " + operands.size());
        }
        for (View view : operands) {
            if (view.columns() != columns && view.columns() != 1) {
                throw new IllegalArgumentException("a nest of " + columns + " columns reads " + view);
            }
        }
    }
}
