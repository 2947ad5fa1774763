package dev.catena.codegen.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.EmbeddingLaunch;
import dev.catena.codegen.Launch;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.SelectRowsLaunch;
import dev.catena.codegen.TablePacker;
import dev.catena.codegen.View;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RowKernelsTest {
    static List<CpuTarget> targets() {
        return StageFixture.targetsOfThisMachine();
    }

    @ParameterizedTest
    @MethodSource("targets")
    void embeddingGivesTheTablesRows(CpuTarget target) throws Exception {
        embeddingGivesTheTablesRows(target, false);
    }

    /** The head's matrix, in which a row is looked up where the embedding is the same. */
    @ParameterizedTest
    @MethodSource("targets")
    void embeddingGivesThePackedMatrixRows(CpuTarget target) throws Exception {
        embeddingGivesTheTablesRows(target, true);
    }

    private static void embeddingGivesTheTablesRows(CpuTarget target, boolean packed) throws Exception {
        Random random = new Random(7);
        List<MatrixType> types = List.of(MatrixType.f32(105, 20), MatrixType.f16(64, 33),
                MatrixType.quantized(50, 172, 8, 40, false), MatrixType.quantized(9, 172, 4, 128, true),
                MatrixType.quantized(30, 65, 4, 32, false), MatrixType.quantized(30, 65, 4, 32, false).withF32Scales(),
                MatrixType.quantized(30, 7, 8, 32, true), MatrixType.quantized(37, 100, 3, 32, false),
                MatrixType.quantized(37, 75, 2, 32, true));
        List<List<Launch>> stages = new ArrayList<>();
        types.forEach(type -> stages.add(List.of(
                new EmbeddingLaunch(View.of(new Buffer.StageOutput(), type.columns()), type, new Buffer.Weight(0),
                        EmbeddingLaunch.Key.TOKEN, packed))));
        try (StageFixture.Loaded loaded = StageFixture.load(stages, target)) {
            for (int i = 0; i < types.size(); i++) {
                MatrixType type = types.get(i);
                TestMatrix table = TestMatrix.random(type, random);
                assertEquals(TablePacker.packedBytes(type), table.table().length);
                int[] tokens = {type.rows() - 1, 0, 3, 3};
                for (int threads = 1; threads <= 3; threads++) {
                    try (StageFixture stage = loaded.stage(i)) {
                        float[] y = stage.weight(packed ? table.linear() : table.table()).tokens(tokens).run(threads, new float[1], 4 * type.columns());
                        for (int j = 0; j < y.length; j++) {
                            assertEquals((float) table.element(tokens[j / type.columns()], j % type.columns()), y[j], type.toString());
                        }
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("targets")
    void rmsNormDividesByTheRootMeanSquare(CpuTarget target) throws Exception {
        int[] widths = {16, 172, 5, 2048};
        List<List<Launch>> stages = new ArrayList<>();
        for (int width : widths) {
            stages.add(List.of(new RmsNormLaunch(RowCount.STEP, new View(new Buffer.StageInput(), 4, width + 3, width),
                    View.of(new Buffer.StageOutput(), width), new Buffer.Weight(0), 1e-5f)));
        }
        Random random = new Random(2);
        try (StageFixture.Loaded loaded = StageFixture.load(stages, target)) {
            for (int i = 0; i < widths.length; i++) {
                int width = widths[i];
                float[] x = new float[5 * (width + 3)];
                float[] weight = new float[width];
                for (int j = 0; j < x.length; j++) {
                    x[j] = (float) (random.nextGaussian() * Math.pow(10, j / (width + 3) - 3)); // rows of very different size
                }
                for (int j = 0; j < width; j++) {
                    weight[j] = (float) random.nextGaussian();
                }
                float[] expected = new float[5 * width];
                for (int r = 0; r < 5; r++) {
                    double squares = 0;
                    for (int c = 0; c < width; c++) {
                        squares += Math.pow(x[r * (width + 3) + 1 + c], 2);
                    }
                    for (int c = 0; c < width; c++) {
                        expected[r * width + c] =
                                (float) (x[r * (width + 3) + 1 + c] / Math.sqrt(squares / width + 1e-5f) * weight[c]);
                    }
                }
                for (int threads = 1; threads <= 2; threads++) {
                    try (StageFixture stage = loaded.stage(i)) {
                        assertArrayEquals(expected, stage.weight(weight).rows(5).run(threads, x, 5 * width), 3e-6f);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("targets")
    void selectedRowsAreLaidEndToEnd(CpuTarget target) throws Exception {
        List<Launch> launches = List.of(new SelectRowsLaunch(View.of(new Buffer.StageInput(), 3), View.of(new Buffer.StageOutput(), 3)));
        try (StageFixture.Loaded loaded = StageFixture.load(List.of(launches), target); StageFixture stage = loaded.stage(0)) {
            float[] x = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
            assertArrayEquals(new float[] {3, 4, 5, 9, 10, 11}, stage.rows(4).select(1, 3).run(2, x, 6));
        }
    }
}
