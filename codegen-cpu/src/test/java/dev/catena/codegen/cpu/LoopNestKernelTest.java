package dev.catena.codegen.cpu;

import static dev.catena.codegen.LoopNest.binary;
import static dev.catena.codegen.LoopNest.unary;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LoopNest;
import dev.catena.codegen.LoopNest.BinaryOperation;
import dev.catena.codegen.LoopNest.Expression;
import dev.catena.codegen.LoopNest.Load;
import dev.catena.codegen.LoopNest.UnaryOperation;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LoopNestKernelTest {
    private static final int COLUMNS = 83;
    private static final int ROWS = 7;
    private static final float[] SPECIAL = {0f, -0f, 1f, -1f, 0.5f, 2f, -2f, 3f, -3f, 1e-8f, -1e-8f, 1e-40f, 20f, -20f, 88.7f,
        -88f, -103f, 100f, -200f, 1e30f, -1e30f, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.NaN};

    static List<CpuTarget> targets() {
        return StageFixture.targetsOfThisMachine();
    }

    @ParameterizedTest
    @MethodSource("targets")
    void everyOperationIsWithinAFewUlp(CpuTarget target) throws Exception {
        List<Expression> values = new ArrayList<>();
        for (UnaryOperation operation : UnaryOperation.values()) {
            values.add(unary(operation, new Load(0)));
        }
        for (BinaryOperation operation : BinaryOperation.values()) {
            values.add(binary(operation, new Load(0), new Load(1)));
        }
        values.add(LoopNest.swiglu(COLUMNS).value());
        values.add(binary(BinaryOperation.ADD, new Load(1), new LoopNest.Constant(0.1f)));
        View x = new View(new Buffer.StageInput(), 0, 2 * COLUMNS, COLUMNS);
        View y = new View(new Buffer.StageInput(), 4 * COLUMNS, 2 * COLUMNS, COLUMNS);
        List<List<Launch>> stages = new ArrayList<>();
        for (Expression value : values) {
            stages.add(List.of(new LoopNestLaunch(RowCount.STEP, new LoopNest(COLUMNS, value), List.of(x, y),
                    View.of(new Buffer.StageOutput(), COLUMNS))));
        }
        Random random = new Random(5);
        float[] input = new float[ROWS * 2 * COLUMNS];
        for (int i = 0; i < input.length; i++) {
            input[i] = random.nextInt(4) == 0 ? SPECIAL[random.nextInt(SPECIAL.length)] : (float) random.nextGaussian() * 4;
        }
        try (StageFixture.Loaded loaded = StageFixture.load(stages, target)) {
            for (int i = 0; i < values.size(); i++) {
                try (StageFixture stage = loaded.stage(i)) {
                    float[] result = stage.rows(ROWS).run(1 + i % 3, input, ROWS * COLUMNS);
                    for (int j = 0; j < result.length; j++) {
                        float a = input[j / COLUMNS * 2 * COLUMNS + j % COLUMNS];
                        float b = input[j / COLUMNS * 2 * COLUMNS + COLUMNS + j % COLUMNS];
                        checkNear(evaluate(values.get(i), a, b), result[j], values.get(i) + " of " + a + ", " + b);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("targets")
    void operandsRepeatOverRowsAndColumns(CpuTarget target) throws Exception {
        View matrix = View.of(new Buffer.StageInput(), COLUMNS);
        View vector = new View(new Buffer.Weight(0), 0, 0, COLUMNS);
        View scalarOfRow = new View(new Buffer.StageInput(), 8, COLUMNS, 1);
        Expression value = binary(BinaryOperation.ADD, binary(BinaryOperation.MULTIPLY, new Load(0), new Load(1)), new Load(2));
        List<Launch> launches = List.of(new LoopNestLaunch(RowCount.STEP, new LoopNest(COLUMNS, value),
                List.of(matrix, vector, scalarOfRow), View.of(new Buffer.StageOutput(), COLUMNS)));
        float[] input = new float[ROWS * COLUMNS];
        float[] weight = new float[COLUMNS];
        for (int i = 0; i < input.length; i++) {
            input[i] = i;
            weight[i % COLUMNS] = i % COLUMNS - 40;
        }
        try (StageFixture.Loaded loaded = StageFixture.load(List.of(launches), target); StageFixture stage = loaded.stage(0)) {
            float[] result = stage.weight(weight).rows(ROWS).run(2, input, ROWS * COLUMNS);
            for (int i = 0; i < result.length; i++) {
                assertEquals(input[i] * weight[i % COLUMNS] + input[i / COLUMNS * COLUMNS + 2], result[i]);
            }
        }
    }

    private static void checkNear(double expected, float actual, String what) {
        float rounded = (float) expected;
        if (Float.isNaN(rounded) || Float.isInfinite(rounded) || rounded == 0) {
            assertEquals(rounded, actual, 1e-44f, what);
        } else {
            // Products with a subnormal factor have lost its bits.
            double error = Math.max(0, Math.abs(actual - expected) - 1e-36) / Math.ulp(rounded);
            assertTrue(error <= 4, () -> what + " is " + actual + ", expected " + expected + ": off by " + error + " ulp");
        }
    }

    private static double evaluate(Expression value, double a, double b) {
        if (value instanceof Load load) {
            return load.operand() == 0 ? a : b;
        } else if (value instanceof LoopNest.Constant constant) {
            return constant.value();
        } else if (value instanceof LoopNest.Unary unary) {
            double x = evaluate(unary.operand(), a, b);
            return switch (unary.operation()) {
                case NEGATE -> -x;
                case ABSOLUTE -> Math.abs(x);
                case SQUARE_ROOT -> Math.sqrt(x);
                case EXP -> Math.exp(x);
                case SIGMOID -> 1 / (1 + Math.exp(-x));
                case TANH -> Math.tanh(x);
                case ERF -> erf(x);
            };
        }
        LoopNest.Binary binary = (LoopNest.Binary) value;
        double x = evaluate(binary.left(), a, b);
        double y = evaluate(binary.right(), a, b);
        return switch (binary.operation()) {
            case ADD -> x + y;
            case SUBTRACT -> x - y;
            case MULTIPLY -> x * y;
            case DIVIDE -> x / y;
            case MAXIMUM -> Math.max(x, y);
            case MINIMUM -> Math.min(x, y);
            case POWER -> Math.pow(x, y);
        };
    }

    /** erf by its Taylor series, which doubles hold well up to 4; beyond, it is 1 in f32. */
    private static double erf(double x) {
        if (Double.isNaN(x) || Math.abs(x) > 4.5) {
            return Double.isNaN(x) ? x : Math.signum(x);
        }
        double term = x;
        double sum = x;
        for (int n = 1; n < 200; n++) {
            term *= -x * x / n;
            sum += term / (2 * n + 1);
        }
        return 2 / Math.sqrt(Math.PI) * sum;
    }
}
