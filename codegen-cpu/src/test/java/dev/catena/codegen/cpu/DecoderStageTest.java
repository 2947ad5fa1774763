package dev.catena.codegen.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.KvFormat;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.MatrixType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** All kernels of a Llama decoder in one stage, judged by the formula in double. */
class DecoderStageTest {
    private static final int ROWS = 37;
    private static final int HIDDEN = 60;
    private static final int HEADS = 3;
    private static final int DIM = 20;
    private static final int FFN = 172;
    private static final KvFormat KV = new KvFormat(KvFormat.Element.F32, KvFormat.Element.F32, 1, DIM);
    private static final int QKV = (HEADS + 2) * DIM;
    private static final MatrixType QKV_TYPE = MatrixType.quantized(QKV, HIDDEN, 8, 32, false);
    private static final MatrixType OUT_TYPE = MatrixType.f16(HIDDEN, HEADS * DIM);
    private static final MatrixType GATE_UP_TYPE = MatrixType.quantized(2 * FFN, HIDDEN, 4, 24, true);
    private static final MatrixType DOWN_TYPE = MatrixType.f32(HIDDEN, FFN);

    private static final LlamaDecoder DECODER =
            new LlamaDecoder(ROWS, HEADS, KV, ROWS, QKV_TYPE, OUT_TYPE, GATE_UP_TYPE, DOWN_TYPE, Activations.F32);

    private static StageFixture.Loaded host;

    @BeforeAll
    static void compileForThisMachine() throws Exception {
        host = StageFixture.load(List.of(DECODER.launches()), CpuTarget.host());
    }

    @AfterAll
    static void close() {
        host.close();
    }

    @Test
    void aDecoderComputesItsFormulaOnAnyNumberOfThreads() throws Exception {
        Random random = new Random(11);
        float[] norm = gaussian(HIDDEN, 1, random);
        float[] cos = gaussian(ROWS * DIM, 1, random);
        float[] sin = gaussian(ROWS * DIM, 1, random);
        TestMatrix[] matrices = {TestMatrix.random(QKV_TYPE, random), TestMatrix.random(OUT_TYPE, random),
            TestMatrix.random(GATE_UP_TYPE, random), TestMatrix.random(DOWN_TYPE, random)};
        float[] x = gaussian(ROWS * HIDDEN, 1, random);
        double[] expected = expected(x, norm, cos, sin, matrices);
        double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
        int[] positions = new int[ROWS];
        Arrays.setAll(positions, r -> r);
        float[] first = null;
        for (int threads = 1; threads <= 4; threads++) {
            try (StageFixture stage = host.stage(0)) {
                stage.weight(norm).weight(matrices[0].linear()).weight(cos).weight(sin).weight(matrices[1].linear())
                        .weight(matrices[2].linear()).weight(matrices[3].linear());
                stage.cache(stage.memory.allocate(2 * KV.pageBytes())).sequences(positions, new int[ROWS], new int[][] {{1}});
                float[] y = stage.run(threads, x, ROWS * HIDDEN);
                double tolerance = CpuTarget.host().hasBf16Tiles() ? 3e-5 : 1e-5;
                for (int i = 0; i < y.length; i++) {
                    assertTrue(Math.abs(y[i] - expected[i]) <= tolerance * largest,
                            "element " + i + ": " + y[i] + ", expected " + expected[i] + ", largest " + largest);
                }
                first = first == null ? y : first;
                assertArrayEquals(first, y, "differs with " + threads + " threads");
            }
        }
    }

    @Test
    void chunksAndSingleRowsGiveTheSameBitsAsOnePrefill() throws Exception {
        Random random = new Random(12);
        float[] norm = gaussian(HIDDEN, 1, random);
        float[] tables = gaussian(ROWS * DIM, 1, random);
        List<TestMatrix> matrices = new ArrayList<>();
        for (MatrixType type : List.of(QKV_TYPE, OUT_TYPE, GATE_UP_TYPE, DOWN_TYPE)) {
            matrices.add(TestMatrix.random(type, random));
        }
        float[] x = gaussian(ROWS * HIDDEN, 1, random);
        for (CpuTarget target : StageFixture.targetsOfThisMachine()) {
            boolean own = !target.equals(CpuTarget.host());
            StageFixture.Loaded loaded = own ? StageFixture.load(List.of(DECODER.launches()), target) : host;
            float[] whole = inSteps(loaded, norm, tables, matrices, x, ROWS);
            assertArrayEquals(whole, inSteps(loaded, norm, tables, matrices, x, 20, 1, 1, 1, 2, 3, 7, 1, 1), target.name());
            if (own) {
                loaded.close();
            }
        }
    }

    private static float[] inSteps(StageFixture.Loaded loaded, float[] norm, float[] tables, List<TestMatrix> matrices, float[] x,
            int... rowsOfStep) {
        float[] y = new float[ROWS * HIDDEN];
        try (StageFixture stage = loaded.stage(0)) {
            stage.weight(norm).weight(matrices.get(0).linear()).weight(tables).weight(tables).weight(matrices.get(1).linear())
                    .weight(matrices.get(2).linear()).weight(matrices.get(3).linear());
            stage.cache(stage.memory.allocate(2 * KV.pageBytes()));
            int first = 0;
            for (int rows : rowsOfStep) {
                int[] positions = new int[rows];
                for (int r = 0; r < rows; r++) {
                    positions[r] = first + r;
                }
                float[] part = stage.sequences(positions, new int[rows], new int[][] {{1}})
                        .run(2, Arrays.copyOfRange(x, first * HIDDEN, (first + rows) * HIDDEN), rows * HIDDEN);
                System.arraycopy(part, 0, y, first * HIDDEN, part.length);
                first += rows;
            }
        }
        return y;
    }

    @Test
    void equalStagesShareOneFunction() throws Exception {
        List<Launch> launches = DECODER.launches().subList(0, 2);
        List<List<Launch>> stages = List.of(launches, List.of(launches.get(0)), DECODER.launches().subList(0, 2));
        CpuLibrary library = CpuLibrary.build(stages, CpuTarget.host());
        assertEquals(library.stages().get(0), library.stages().get(2));
        assertEquals(3, library.source().split("\nvoid stage_", -1).length, "two functions for two structures");
        assertArrayEquals(library.library(), CpuLibrary.build(stages, CpuTarget.host()).library());
    }

    private static double[] expected(float[] x, float[] norm, float[] cos, float[] sin, TestMatrix[] matrices) {
        double[] hidden = new double[x.length];
        Arrays.setAll(hidden, i -> x[i]);
        double[] qkv = multiply(norm(hidden, norm), matrices[0]);
        double[] attended = new double[ROWS * HEADS * DIM];
        for (int r = 0; r < ROWS; r++) {
            for (int head = 0; head < HEADS + 1; head++) {
                rotate(qkv, r * QKV + head * DIM, r, cos, sin);
            }
        }
        for (int r = 0; r < ROWS; r++) {
            for (int head = 0; head < HEADS; head++) {
                double total = 0;
                double[] sum = new double[DIM];
                double[] scores = new double[r + 1];
                for (int p = 0; p <= r; p++) {
                    for (int d = 0; d < DIM; d++) {
                        scores[p] += DECODER.scale() * qkv[r * QKV + head * DIM + d] * qkv[p * QKV + HEADS * DIM + d];
                    }
                }
                double most = Arrays.stream(scores).max().orElseThrow();
                for (int p = 0; p <= r; p++) {
                    double weight = Math.exp(scores[p] - most);
                    total += weight;
                    for (int d = 0; d < DIM; d++) {
                        sum[d] += weight * qkv[p * QKV + (HEADS + 1) * DIM + d];
                    }
                }
                for (int d = 0; d < DIM; d++) {
                    attended[(r * HEADS + head) * DIM + d] = sum[d] / total;
                }
            }
        }
        add(hidden, multiply(attended, matrices[1]));
        double[] gateUp = multiply(norm(hidden, norm), matrices[2]);
        double[] activated = new double[ROWS * FFN];
        for (int i = 0; i < activated.length; i++) {
            double gate = gateUp[i / FFN * 2 * FFN + i % FFN];
            activated[i] = gate / (1 + Math.exp(-gate)) * gateUp[i / FFN * 2 * FFN + FFN + i % FFN];
        }
        add(hidden, multiply(activated, matrices[3]));
        return hidden;
    }

    private static void rotate(double[] values, int start, int position, float[] cos, float[] sin) {
        for (int i = 0; i < DIM / 2; i++) {
            int j = i + DIM / 2;
            double a = values[start + i];
            double b = values[start + j];
            values[start + i] = a * cos[position * DIM + i] - b * sin[position * DIM + i];
            values[start + j] = b * cos[position * DIM + j] + a * sin[position * DIM + j];
        }
    }

    private static double[] norm(double[] x, float[] weight) {
        double[] y = new double[x.length];
        for (int r = 0; r < ROWS; r++) {
            double squares = 0;
            for (int c = 0; c < HIDDEN; c++) {
                squares += x[r * HIDDEN + c] * x[r * HIDDEN + c];
            }
            for (int c = 0; c < HIDDEN; c++) {
                y[r * HIDDEN + c] = x[r * HIDDEN + c] / Math.sqrt(squares / HIDDEN + 1e-6f) * weight[c];
            }
        }
        return y;
    }

    private static double[] multiply(double[] x, TestMatrix matrix) {
        int n = matrix.type().rows();
        int k = matrix.type().columns();
        double[] y = new double[ROWS * n];
        for (int i = 0; i < y.length; i++) {
            for (int j = 0; j < k; j++) {
                y[i] += x[i / n * k + j] * matrix.element(i % n, j);
            }
        }
        return y;
    }

    private static void add(double[] x, double[] y) {
        Arrays.setAll(x, i -> x[i] + y[i]);
    }

    private static float[] gaussian(int count, double scale, Random random) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextGaussian() * scale);
        }
        return values;
    }
}
