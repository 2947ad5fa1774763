package dev.catena.codegen.cpu;

import dev.catena.codegen.LoopNest.Binary;
import dev.catena.codegen.LoopNest.Constant;
import dev.catena.codegen.LoopNest.Expression;
import dev.catena.codegen.LoopNest.Load;
import dev.catena.codegen.LoopNest.Unary;
import dev.catena.codegen.LoopNest;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.StructureHash;
import dev.catena.codegen.View;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Prints a {@link LoopNest} as C: 16 columns at a time, equal subexpressions once, items of 64 columns split over threads. */
final class LoopNestKernel {
    private final LoopNest nest;
    private final List<View> operands;
    private final Map<Expression, String> names = new LinkedHashMap<>();
    private final StringBuilder statements = new StringBuilder();

    private LoopNestKernel(LoopNest nest, List<View> operands) {
        this.nest = nest;
        this.operands = operands;
    }

    static KernelCall of(LoopNestLaunch launch) {
        String body = new LoopNestKernel(launch.nest(), launch.operands()).body();
        String parameters = "";
        CArguments arguments = new CArguments().rows(launch.rows());
        for (int i = 0; i < launch.operands().size(); i++) {
            parameters += "const float *x%d, int32_t x%d_stride, ".formatted(i, i);
            arguments.view(launch.operands().get(i));
        }
        String name = "nest_" + StructureHash.of(parameters + body).substring(0, 12);
        String source = """
                /* An elementwise loop nest of %d columns. */
                static void %s(int32_t rows, %sfloat *y, int32_t y_stride, const catena_thread *thread) {
                  const int32_t items_of_row = %d; /* 64 columns each */
                  const int64_t items = (int64_t)rows * items_of_row;
                  const int64_t end = items * (thread->id + 1) / thread->count;
                  for (int64_t item = items * thread->id / thread->count; item < end; item++) {
                    const int64_t r = item / items_of_row;
                    const int32_t first = (int32_t)(item %% items_of_row) * 64, last = least(first + 64, %d);
                    for (int32_t c = first; c < last; c += 16) {
                      const int32_t count = least(16, last - c);
                %s    }
                  }
                }
                """.formatted(launch.nest().columns(), name, parameters, (launch.nest().columns() + 63) / 64,
                launch.nest().columns(), body);
        return new KernelCall(name, source, 0, arguments.view(launch.y()).plain("thread").list());
    }

    private String body() {
        String result = name(nest.value());
        return statements + "      store_first(y + r * y_stride + c, " + result + ", count);\n";
    }

    /** The variable that holds the expression; declares it and what it needs at the first use. */
    private String name(Expression expression) {
        String known = names.get(expression);
        if (known != null) {
            return known;
        }
        String value;
        if (expression instanceof Load load) {
            int i = load.operand();
            boolean scalar = operands.get(i).columns() == 1 && nest.columns() > 1;
            value = scalar ? "splat(x%d[r * x%d_stride])".formatted(i, i)
                    : "load_first(x%d + r * x%d_stride + c, count)".formatted(i, i);
        } else if (expression instanceof Constant constant) {
            value = "splat(" + CArguments.literal(constant.value()) + ")";
        } else if (expression instanceof Unary unary) {
            value = unary(unary.operation(), name(unary.operand()));
        } else {
            Binary binary = (Binary) expression;
            String left = name(binary.left());
            value = binary(binary.operation(), left, name(binary.right()));
        }
        String name = "v" + names.size();
        names.put(expression, name);
        statements.append("      const f32x16 ").append(name).append(" = ").append(value).append(";\n");
        return name;
    }

    private static String unary(LoopNest.UnaryOperation operation, String x) {
        return switch (operation) {
            case NEGATE -> "-" + x;
            case ABSOLUTE -> "__builtin_elementwise_abs(" + x + ")";
            case SQUARE_ROOT -> "__builtin_elementwise_sqrt(" + x + ")";
            case EXP -> "exp16(" + x + ")";
            case SIGMOID -> "sigmoid16(" + x + ")";
            case TANH -> "tanh16(" + x + ")";
            case ERF -> "erf16(" + x + ")";
        };
    }

    private static String binary(LoopNest.BinaryOperation operation, String left, String right) {
        return switch (operation) {
            case ADD -> left + " + " + right;
            case SUBTRACT -> left + " - " + right;
            case MULTIPLY -> left + " * " + right;
            case DIVIDE -> left + " / " + right;
            case MAXIMUM -> "maximum16(" + left + ", " + right + ")";
            case MINIMUM -> "minimum16(" + left + ", " + right + ")";
            case POWER -> "pow16(" + left + ", " + right + ")";
        };
    }
}
