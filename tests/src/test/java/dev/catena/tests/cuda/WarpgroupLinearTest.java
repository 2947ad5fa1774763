package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.MatrixType;
import java.io.IOException;
import java.util.List;
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
    LinearByDefinition linear = new LinearByDefinition(type, rows, true, true, activations, random);
    SimulatedStage stage = SimulatedStage.byWarpgroups(List.of(linear.launch()), mostRows, seed);
    assertEquals(2, linear.run(stage), "x to tiles, and the product");
    linear.check(stage, activations == Activations.F32 ? 4e-6 : 1e-3);
  }
}
