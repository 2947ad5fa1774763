package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Products of many rows by wgmma, as sm_90a gets them, against doubles: sizes that fill no tile, no stage and no group, more stages than
 * are in shared memory at a time, all storages. The simulator checks barriers, copies and what products touch.
 */
class WarpgroupLinearTest {
  @ParameterizedTest
  @CsvSource({
      "128, 128, 128, 256, 4, 128, false, F32, 1", "70, 90, 130, 330, 4, 32, true, F32, 2", "131, 260, 50, 700, 8, 128, false, F32, 3",
      "99, 128, 37, 201, 16, 0, false, F32, 4", "65, 80, 20, 70, 8, 64, true, INT8, 6", "100, 128, 33, 500, 4, 96, false, INT8, 7",
      "66, 66, 129, 600, 8, 0, true, F32, 9",
  })
  void theDefinition(int rows, int mostRows, int outputs, int columns, int bits, int group, boolean symmetric, Activations activations, int seed) throws IOException {
    Random random = new Random(seed);
    MatrixType type = bits == 16 ? MatrixType.f16(outputs, columns) : MatrixType.quantized(outputs, columns, bits, group == 0 ? columns : group, symmetric);
    if (seed % 3 == 0) {
      type = type.withF32Scales();
    }
    PackedMatrix matrix = PackedMatrix.random(type, random);
    View y = View.of(new Buffer.StageOutput(), outputs);
    LinearLaunch launch = new LinearLaunch(RowCount.STEP, View.of(new Buffer.StageInput(), columns), y, type, new Buffer.Weight(0),
        Optional.of(new Buffer.Weight(1)), Optional.of(y), activations);
    SimulatedStage stage = SimulatedStage.byWarpgroups(List.of(launch), mostRows, seed);
    float[] x = gaussian(rows * columns, random);
    float[] bias = gaussian(outputs, random);
    float[] before = gaussian(rows * outputs, random);
    stage.ints("step", rows, 1, 0, 1);
    stage.floats("input", x);
    stage.bytes("weight:0", matrix.linear());
    stage.floats("weight:1", bias);
    stage.floats("output", before);
    assertEquals(2, stage.run(rows), "x to tiles, and the product");
    float[] actual = stage.floats("output", rows * outputs);
    double largest = 0;
    double[] expected = new double[rows * outputs];
    for (int i = 0; i < expected.length; i++) {
      expected[i] = bias[i % outputs] + before[i];
      for (int k = 0; k < columns; k++) {
        expected[i] += x[i / outputs * columns + k] * matrix.elements()[i % outputs][k];
      }
      largest = Math.max(largest, Math.abs(expected[i]));
    }
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i] / largest, actual[i] / largest, activations == Activations.F32 ? 4e-6 : 1e-3, "row " + i / outputs + ", output " + i % outputs);
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
