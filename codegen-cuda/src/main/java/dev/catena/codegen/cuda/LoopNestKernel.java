package dev.catena.codegen.cuda;

import dev.catena.codegen.LoopNest;
import dev.catena.codegen.LoopNest.Binary;
import dev.catena.codegen.LoopNest.Constant;
import dev.catena.codegen.LoopNest.Expression;
import dev.catena.codegen.LoopNest.Load;
import dev.catena.codegen.LoopNest.Unary;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.View;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Prints a {@link LoopNest} as CUDA C++: a thread is an element. Operands are a, b, c …; an expression stands where it is
 * used, one that is used again gets a name after its operation.
 */
final class LoopNestKernel {
    private static final int THREADS = 256;

    private final LoopNestLaunch launch;
    private final Map<Expression, Integer> uses = new HashMap<>();
    private final Map<Expression, String> names = new HashMap<>();
    private final Map<String, Integer> namesOfOperation = new HashMap<>();
    private final StringBuilder statements = new StringBuilder();

    private LoopNestKernel(LoopNestLaunch launch) {
        this.launch = launch;
    }

    static KernelLaunch of(LoopNestLaunch launch, int rows, KernelSet kernels) {
        int columns = launch.nest().columns();
        String name = name(launch.nest());
        CudaKernel kernel = new CudaKernel(name + "_c" + columns, "Each element by itself; rows of " + columns + ".", THREADS,
                "functions.cuh").step();
        readOperands(launch, kernel);
        return kernel.write("y", launch.y()).body(new LoopNestKernel(launch).body())
                .launch(kernels, rows, (columns + THREADS - 1) / THREADS);
    }

    /** A function of row and column that is a nest's value there, in place of a kernel; its operands become parameters. */
    static String element(LoopNestLaunch launch, CudaKernel kernel) {
        LoopNestKernel its = new LoopNestKernel(launch);
        its.countUses(launch.nest().value());
        String result = its.text(launch.nest().value());
        readOperands(launch, kernel);
        return "[&](int64 row, int column) {\n%s  return %s;\n}".formatted(its.statements.toString().indent(2), withoutParentheses(result));
    }

    private static void readOperands(LoopNestLaunch launch, CudaKernel kernel) {
        for (int i = 0; i < launch.operands().size(); i++) {
            kernel.readAliased(operandName(i), launch.operands().get(i));
        }
    }

    static String name(LoopNest nest) {
        if (nest.equals(LoopNest.add(nest.columns()))) {
            return "add";
        }
        return nest.equals(LoopNest.swiglu(nest.columns())) ? "swiglu" : "elementwise";
    }

    private static String operandName(int operand) {
        return operand < 24 ? String.valueOf((char) ('a' + operand)) : "operand_" + operand;
    }

    private String body() {
        LoopNest nest = launch.nest();
        countUses(nest.value());
        String result = text(nest.value());
        return """
                const int64 row = blockIdx.x;
                const int column = blockIdx.y * %d + threadIdx.x;
                if (row >= %s || column >= %d) return;
                %sy[row * %d + column] = %s;
                """.formatted(THREADS, CudaKernel.rows(launch.rows()), nest.columns(), statements, launch.y().rowStride(),
                withoutParentheses(result));
    }

    private void countUses(Expression expression) {
        if (uses.merge(expression, 1, Integer::sum) > 1) {
            return; // its operands are computed once
        }
        if (expression instanceof Unary unary) {
            countUses(unary.operand());
        } else if (expression instanceof Binary binary) {
            countUses(binary.left());
            countUses(binary.right());
        }
    }

    /** The expression, or the name of the variable that holds it. */
    private String text(Expression expression) {
        String name = names.get(expression);
        if (name != null) {
            return name;
        }
        String text = compute(expression);
        if (expression instanceof Load load) {
            name = operandName(load.operand()) + "_element";
        } else if (uses.get(expression) > 1 && !(expression instanceof Constant)) {
            String operation = expression instanceof Unary unary ? unary.operation().name() : ((Binary) expression).operation().name();
            int number = namesOfOperation.merge(operation, 1, Integer::sum);
            name = operation.toLowerCase(Locale.ROOT) + "_" + number;
        } else {
            return text;
        }
        names.put(expression, name);
        statements.append("const float ").append(name).append(" = ").append(withoutParentheses(text)).append(";\n");
        return name;
    }

    private String compute(Expression expression) {
        if (expression instanceof Load load) {
            View view = launch.operands().get(load.operand());
            boolean scalar = view.columns() == 1 && launch.nest().columns() > 1;
            String row = view.rowStride() == 0 ? "" : "row * " + view.rowStride();
            String column = scalar ? "" : "column";
            String index = row.isEmpty() ? column.isEmpty() ? "0" : column : column.isEmpty() ? row : row + " + " + column;
            return operandName(load.operand()) + "[" + index + "]";
        } else if (expression instanceof Constant constant) {
            return CudaKernel.literal(constant.value());
        } else if (expression instanceof Unary unary) {
            String x = text(unary.operand());
            return switch (unary.operation()) {
                case NEGATE -> "(-" + x + ")";
                case ABSOLUTE -> call("fabsf", x);
                case SQUARE_ROOT -> call("sqrtf", x);
                case EXP -> call("expf", x);
                case SIGMOID -> call("sigmoid", x);
                case TANH -> call("tanhf", x);
                case ERF -> call("erff", x);
            };
        }
        Binary binary = (Binary) expression;
        String left = text(binary.left());
        String right = text(binary.right());
        return switch (binary.operation()) {
            case ADD -> "(" + left + " + " + right + ")";
            case SUBTRACT -> "(" + left + " - " + right + ")";
            case MULTIPLY -> "(" + left + " * " + right + ")";
            case DIVIDE -> "(" + left + " / " + right + ")";
            case MAXIMUM -> "maximum(" + withoutParentheses(left) + ", " + withoutParentheses(right) + ")";
            case MINIMUM -> "minimum(" + withoutParentheses(left) + ", " + withoutParentheses(right) + ")";
            case POWER -> "powf(" + withoutParentheses(left) + ", " + withoutParentheses(right) + ")";
        };
    }

    private static String call(String function, String x) {
        return function + "(" + withoutParentheses(x) + ")";
    }

    /** The text without a pair of parentheses around all of it. */
    private static String withoutParentheses(String text) {
        if (!text.startsWith("(")) {
            return text;
        }
        int depth = 0;
        for (int i = 0; i < text.length() - 1; i++) {
            depth += text.charAt(i) == '(' ? 1 : text.charAt(i) == ')' ? -1 : 0;
            if (depth == 0) {
                return text;
            }
        }
        return text.substring(1, text.length() - 1);
    }
}
