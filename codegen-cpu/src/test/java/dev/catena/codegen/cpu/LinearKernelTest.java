package dev.catena.codegen.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearPacker;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LinearKernelTest {
    private static final int[] ROW_COUNTS = {1, 2, 3, 7, 16, 17, 31, 257};
    /** Nearly all of the time is clang's, which takes half a second for a kernel: so what goes by turns does it unless this is set. */
    private static final boolean PRODUCT = Boolean.getBoolean("catena.tests.product");

    static List<CpuTarget> targets() {
        return StageFixture.targetsOfThisMachine();
    }

    @ParameterizedTest
    @MethodSource("targets")
    void productsAreExactWithinF32(CpuTarget target) throws Exception {
        Random random = new Random(1);
        List<MatrixType> types = List.of(
                MatrixType.f32(35, 172), MatrixType.f32(105, 7), MatrixType.f16(64, 300), MatrixType.f16(1, 33),
                MatrixType.quantized(48, 256, 4, 128, false), MatrixType.quantized(33, 172, 4, 128, false),
                MatrixType.quantized(105, 172, 4, 172, true), MatrixType.quantized(20, 1000, 4, 32, true),
                MatrixType.quantized(17, 600, 4, 600, false), MatrixType.quantized(16, 5, 4, 128, false),
                MatrixType.quantized(48, 256, 8, 128, false), MatrixType.quantized(50, 172, 8, 40, false),
                MatrixType.quantized(48, 256, 3, 128, false), MatrixType.quantized(33, 172, 3, 128, false),
                MatrixType.quantized(35, 172, 3, 172, true), MatrixType.quantized(20, 1000, 3, 32, true),
                MatrixType.quantized(16, 5, 3, 128, false), MatrixType.quantized(17, 49, 3, 32, false),
                MatrixType.quantized(48, 256, 2, 128, false), MatrixType.quantized(33, 172, 2, 64, false),
                MatrixType.quantized(35, 172, 2, 172, true), MatrixType.quantized(20, 1000, 2, 32, true),
                MatrixType.quantized(105, 300, 8, 300, true), MatrixType.quantized(33, 172, 8, 172, true).withF32Scales(),
                MatrixType.quantized(20, 172, 4, 16, false).withF32Scales(), MatrixType.quantized(3, 2064, 8, 256, false));
        for (MatrixType type : types) {
            assertEquals(TestMatrix.random(type, random).linear().length, LinearPacker.packedBytes(type), type.toString());
        }
        // Every other one of each element, the first or the second by turns: each element and each form of group meets each target.
        int turn = targets().indexOf(target);
        List<MatrixType> some = IntStream.range(0, types.size())
                .filter(i -> PRODUCT || (i + types.get(i).element().ordinal() + turn) % 2 == 0).mapToObj(types::get).toList();
        List<List<Launch>> stages = new ArrayList<>();
        some.forEach(type -> stages.add(List.of(launch(type, type.rows() % 2 == 1, Activations.F32))));
        try (StageFixture.Loaded loaded = StageFixture.load(stages, target)) {
            for (int i = 0; i < some.size(); i++) {
                check(loaded, i, some.get(i), some.get(i).rows() % 2 == 1, exactness(some.get(i), target), random);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("targets")
    void int8ActivationsStayNearTheExactProduct(CpuTarget target) throws Exception {
        List<MatrixType> types =
                List.of(MatrixType.quantized(48, 512, 4, 128, false), MatrixType.quantized(33, 172, 8, 172, true),
                        MatrixType.quantized(33, 172, 3, 128, false), MatrixType.quantized(33, 172, 2, 128, true));
        List<List<Launch>> stages = new ArrayList<>();
        types.forEach(type -> stages.add(List.of(launch(type, false, Activations.INT8))));
        try (StageFixture.Loaded loaded = StageFixture.load(stages, target)) {
            for (int i = 0; i < types.size(); i++) {
                check(loaded, i, types.get(i), false, 2e-2, new Random(i));
            }
        }
    }

    /** Floats are rounded as the IEEE's bfloat16 where the target multiplies such; codes stay nearer to the exact product than that. */
    @ParameterizedTest
    @MethodSource("targets")
    void bf16ActivationsRoundToBf16(CpuTarget target) throws Exception {
        List<MatrixType> types = List.of(MatrixType.f16(48, 300), MatrixType.f32(35, 171), MatrixType.f16(1, 33),
                MatrixType.quantized(48, 512, 4, 128, false), MatrixType.quantized(33, 172, 8, 172, true));
        List<List<Launch>> stages = new ArrayList<>();
        types.forEach(type -> stages.add(List.of(launch(type, type.rows() % 2 == 1, Activations.BF16))));
        try (StageFixture.Loaded loaded = StageFixture.load(stages, target)) {
            for (int i = 0; i < types.size(); i++) {
                boolean quantized = types.get(i).element().quantized();
                DoubleUnaryOperator rounding =
                        !quantized && (target.has("avx512bf16") || target.hasBf16Tiles()) ? LinearKernelTest::bf16 : DoubleUnaryOperator.identity();
                check(loaded, i, types.get(i), types.get(i).rows() % 2 == 1, quantized ? 2e-4 : 4e-6, rounding,
                        ROW_COUNTS, new Random(i));
            }
        }
    }

    /** Beside the largest result: within f32's rounding, or 2^-16 of each product where f16 is multiplied in two terms of bf16. */
    private static double exactness(MatrixType type, CpuTarget target) {
        return type.element() == MatrixType.Element.F16 && target.hasBf16Tiles() ? 1.5e-5 : 4e-6;
    }

    /** Rows, outputs, columns and groups that don't fill tiles of 16 x 64, panels of 32 rows or sets of 16 blocks. */
    @Test
    void tilesMultiplyWhatDoesNotFillThem() throws Exception {
        List<CpuTarget> tiled = targets().stream().filter(CpuTarget::hasTiles).toList();
        assumeFalse(tiled.isEmpty(), "tiles are emulated with AVX-512 VNNI, which this machine lacks");
        List<MatrixType> types = List.of(MatrixType.quantized(300, 128, 4, 128, false), MatrixType.quantized(50, 192, 8, 64, true),
                MatrixType.quantized(33, 384, 3, 128, false), MatrixType.quantized(40, 512, 2, 256, true),
                MatrixType.quantized(20, 640, 4, 64, false), MatrixType.quantized(24, 128, 4, 32, false), MatrixType.f16(300, 70),
                MatrixType.f16(17, 600));
        int[] rows = {1, 8, 9, 17, 33, 40};
        List<LinearLaunch> launches = new ArrayList<>();
        for (int i = 0; i < types.size(); i++) {
            for (Activations activations : Activations.values()) {
                if (PRODUCT || (activations.ordinal() + i) % 3 < 2) {   // two of the three, and others for the next matrix
                    launches.add(launch(types.get(i), types.get(i).rows() % 2 == 1, activations));
                }
            }
        }
        for (CpuTarget target : tiled) {
            try (StageFixture.Loaded loaded = StageFixture.load(launches.stream().map(List::<Launch>of).toList(), target)) {
                for (int i = 0; i < launches.size(); i++) {
                    MatrixType type = launches.get(i).type();
                    Activations activations = launches.get(i).activations();
                    boolean rounded = !type.element().quantized() && activations == Activations.BF16;
                    double tolerance = rounded ? 4e-6
                            : type.element() == MatrixType.Element.F16 || activations == Activations.F32 ? exactness(type, target)
                            : activations == Activations.BF16 ? 2e-4 : 2e-2;
                    check(loaded, i, type, type.rows() % 2 == 1, tolerance,
                            rounded ? LinearKernelTest::bf16 : DoubleUnaryOperator.identity(), rows, new Random(i));
                }
            }
        }
    }

    /** The nearest number of 8 bits, halves to even. */
    private static double bf16(double value) {
        double unit = Math.scalb(1.0, Math.getExponent(value) - 7);
        return Math.rint(value / unit) * unit;
    }

    @ParameterizedTest
    @MethodSource("targets")
    void aRowsResultDoesNotDependOnItsCompany(CpuTarget target) throws Exception {
        int n = 140;   // more than two of the four blocks that the kernels take side by side
        // Groups of whole segments go through AMX's tiles where there are many rows.
        List<MatrixType> types = List.of(MatrixType.quantized(n, 300, 4, 64, false), MatrixType.quantized(n, 300, 8, 104, true),
                MatrixType.f16(n, 300), MatrixType.f32(n, 300), MatrixType.quantized(n, 256, 4, 128, false),
                MatrixType.quantized(n, 512, 8, 256, true), MatrixType.quantized(n, 192, 3, 64, false));
        // Matrix, activations and target in pairs: every two of them meet somewhere.
        int turn = targets().indexOf(target);
        List<LinearLaunch> launches = new ArrayList<>();
        for (int i = 0; i < types.size(); i++) {
            for (Activations activations : Activations.values()) {
                if (PRODUCT || (activations.ordinal() + i + turn) % 3 == 0) {
                    launches.add(launch(types.get(i), false, activations));
                }
            }
        }
        try (StageFixture.Loaded loaded = StageFixture.load(launches.stream().map(List::<Launch>of).toList(), target)) {
            for (int i = 0; i < launches.size(); i++) {
                try (StageFixture stage = loaded.stage(i)) {
                    MatrixType type = launches.get(i).type();
                    int k = type.columns();
                    float[] input = gaussian(257 * k, new Random(4));
                    stage.weight(TestMatrix.random(type, new Random(3)).linear());
                    float[] all = stage.rows(257).run(2, input, 257 * n);
                    for (int count : new int[] {1, 2, 7, 29, 40}) {
                        for (int r : new int[] {0, 63, 217}) {
                            float[] some = stage.rows(count).run(1, Arrays.copyOfRange(input, r * k, (r + count) * k), count * n);
                            assertArrayEquals(Arrays.copyOfRange(all, r * n, (r + count) * n), some,
                                    type + ", " + launches.get(i).activations() + ", " + count + " rows from " + r);
                        }
                    }
                }
            }
        }
    }

    /** What runs here in plain C is tile instructions in the real build. */
    @Test
    void aBuildForAmxMultipliesByTiles() throws Exception {
        assertTilesMultiply(MatrixType.quantized(32, 256, 4, 128, false), TileProducts.TDPBSUD);
        assertTilesMultiply(MatrixType.f16(32, 256), TileProducts.TDPBF16PS);
    }

    private static void assertTilesMultiply(MatrixType type, int opcode) throws Exception {
        byte[] code = CpuLibrary.build(List.of(List.of(launch(type, false, Activations.F32))), CpuTarget.parse("cpu:sapphirerapids")).library();
        int found = TileProducts.in(code, opcode);
        assertTrue(found >= 4, type + ": " + found + " tile products, and four pairs of tiles meet");
    }

    /** The others take a late thread's whole share from its back, and the bits are the same. */
    @ParameterizedTest
    @MethodSource("targets")
    void aLateThreadIsHelped(CpuTarget target) throws Exception {
        List<MatrixType> types = List.of(MatrixType.quantized(700, 64, 4, 32, false), MatrixType.f16(700, 64));
        List<List<Launch>> stages = types.stream().map(type -> List.<Launch>of(launch(type, false, Activations.F32))).toList();
        int blocks = (700 + 15) / 16;
        try (StageFixture.Loaded loaded = StageFixture.load(stages, target)) {
            for (int i = 0; i < types.size(); i++) {
                for (int rows : new int[] {1, 20}) {
                    try (StageFixture stage = loaded.stage(i)) {
                        float[] input = gaussian(rows * 64, new Random(4));
                        stage.weight(TestMatrix.random(types.get(i), new Random(3)).linear()).rows(rows);
                        float[] expected = stage.run(3, input, rows * 700);
                        float[] y = new float[rows * 700];
                        int[][] taken = stage.runWithOneLate(3, 1, input, y);
                        assertArrayEquals(expected, y, types.get(i) + ", " + rows + " rows");
                        assertArrayEquals(new int[] {0, blocks * 2 / 3 - blocks / 3}, taken[1], "of the late thread, front and back");
                        for (int id : new int[] {0, 2}) {
                            assertEquals(blocks * (id + 1) / 3 - blocks * id / 3, taken[id][0] + taken[id][1], "of thread " + id);
                        }
                    }
                }
            }
        }
    }

    /** The largest codes meet activations that are all as large as their segment's largest: sums come near what their integers hold. */
    @ParameterizedTest
    @MethodSource("targets")
    void theLargestSumsDoNotOverflow(CpuTarget target) throws Exception {
        int k = 512;
        List<MatrixType> types = List.of(MatrixType.quantized(20, k, 4, 128, true), MatrixType.quantized(20, k, 8, 128, true),
                MatrixType.quantized(20, k, 8, k, true), MatrixType.quantized(20, k, 3, 256, true));
        List<LinearLaunch> launches = types.stream()
                .flatMap(type -> Arrays.stream(Activations.values()).map(activations -> launch(type, false, activations))).toList();
        try (StageFixture.Loaded loaded = StageFixture.load(launches.stream().map(List::<Launch>of).toList(), target)) {
            for (int i = 0; i < launches.size(); i++) {
                for (double activation : new double[] {1.5, -1.5}) {
                    check(loaded, i, launches.get(i).type(), false, 4e-6, largestCodesAndAll(activation));
                }
            }
        }
    }

    private static Random largestCodesAndAll(double activation) {
        return new Random() {
            @Override
            public int nextInt(int bound) {
                return bound - 1;
            }

            @Override
            public double nextGaussian() {
                return activation;
            }
        };
    }

    @ParameterizedTest
    @MethodSource("targets")
    void whatIsNotANumberReachesTheResult(CpuTarget target) throws Exception {
        MatrixType type = MatrixType.quantized(16, 256, 4, 32, true);
        TestMatrix matrix = TestMatrix.random(type, new Random(3));
        List<List<Launch>> stages = List.of(List.of(launch(type, false, Activations.F32)));
        try (StageFixture.Loaded loaded = StageFixture.load(stages, target); StageFixture stage = loaded.stage(0)) {
            stage.weight(matrix.linear());
            for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
                float[] input = gaussian(256, new Random(4));
                input[77] = bad;
                for (float y : stage.rows(1).run(1, input, 16)) {
                    assertTrue(Float.isNaN(y) || Float.isInfinite(y), bad + " vanished: " + y);
                }
            }
        }
    }

    /** With {@code extras}: bias and residual, operands within wider rows, y in the residual's place. */
    private static LinearLaunch launch(MatrixType type, boolean extras, Activations activations) {
        int k = type.columns();
        int n = type.rows();
        Buffer input = new Buffer.StageInput();
        Buffer output = new Buffer.StageOutput();
        return extras
                ? new LinearLaunch(RowCount.STEP, new View(input, 4L * (n + 3), k + n + 5, k), new View(output, 0, n + 2, n), type,
                        new Buffer.Weight(1), Optional.of(new Buffer.Weight(0)), Optional.of(new View(input, 4, k + n + 5, n)),
                        activations)
                : new LinearLaunch(RowCount.STEP, View.of(input, k), View.of(output, n), type, new Buffer.Weight(0),
                        Optional.empty(), Optional.empty(), activations);
    }

    private static void check(StageFixture.Loaded loaded, int index, MatrixType type, boolean extras, double tolerance,
            Random random) throws Exception {
        check(loaded, index, type, extras, tolerance, DoubleUnaryOperator.identity(), ROW_COUNTS, random);
    }

    /** @param rounding of both operands, before they meet exactly */
    private static void check(StageFixture.Loaded loaded, int index, MatrixType type, boolean extras, double tolerance,
            DoubleUnaryOperator rounding, int[] rowCounts, Random random) throws Exception {
        TestMatrix matrix = TestMatrix.random(type, random);
        int k = type.columns();
        int n = type.rows();
        int inStride = extras ? k + n + 5 : k;
        int outStride = extras ? n + 2 : n;
        float[] bias = gaussian(n, random);
        for (int rows : rowCounts) {
            float[] input = gaussian(rows * inStride, random);
            double[] expected = new double[rows * outStride];
            double largest = 0;
            for (int r = 0; r < rows; r++) {
                for (int i = 0; i < n; i++) {
                    double sum = extras ? bias[i] + (double) input[r * inStride + 1 + i] : 0;
                    for (int j = 0; j < k; j++) {
                        sum += rounding.applyAsDouble(input[r * inStride + (extras ? n + 3 : 0) + j])
                                * rounding.applyAsDouble(matrix.element(i, j));
                    }
                    expected[r * outStride + i] = sum;
                    largest = Math.max(largest, Math.abs(sum));
                }
            }
            float[] first = null;
            for (int threads : new int[] {1, 2, 3}) {
                try (StageFixture stage = loaded.stage(index)) {
                    if (extras) {
                        stage.weight(bias);
                    }
                    // The last row of the output ends with its last column, not with its stride.
                    float[] y = stage.weight(matrix.linear()).rows(rows).run(threads, input, rows * outStride - (outStride - n));
                    if (first == null) {
                        first = y;
                        for (int r = 0; r < rows; r++) {
                            for (int i = 0; i < n; i++) {
                                double error = Math.abs(y[r * outStride + i] - expected[r * outStride + i]);
                                assertTrue(error <= tolerance * largest, type + ", " + rows + " rows, element " + r + ", " + i
                                        + ": off by " + error / largest + " of the largest");
                            }
                        }
                    } else {
                        assertArrayEquals(first, y, type + ", " + rows + " rows: differs with " + threads + " threads");
                    }
                }
            }
        }
    }

    private static float[] gaussian(int count, Random random) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
