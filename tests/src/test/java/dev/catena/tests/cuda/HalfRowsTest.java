package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.LoopNest;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What comes before a linear layer of many rows is computed on x's way to halves, unless something else reads it, too: against the
 * definition in doubles, by mma.sync and by wgmma.
 */
class HalfRowsTest {
  private static final float EPSILON = 1e-5f;

  @ParameterizedTest
  @CsvSource({
      "norm, 33, 300, 40, sm_86, F32, false", "norm, 18, 130, 20, sm_75, BF16, true", "swiglu, 20, 200, 24, sm_75, F32, false",
      "swiglu, 17, 70, 16, sm_86, BF16, true", "gelu_tanh, 19, 100, 24, sm_86, F32, false", "norm, 66, 150, 33, sm_90a, F32, false", "swiglu, 70, 90, 20, sm_90a, F32, false"})
  void theDefinition(String before, int rows, int columns, int outputs, String target, Activations activations, boolean readAgain) throws IOException {
    Random random = new Random(rows);
    boolean normed = before.equals("norm");
    boolean gated = before.equals("swiglu");
    int width = gated ? 2 * columns : columns;
    MatrixType type = MatrixType.quantized(outputs, columns, 4, 32, false);
    PackedMatrix matrix = PackedMatrix.random(type, random);
    View input = View.of(new Buffer.StageInput(), width);
    View made = arena(0, rows, columns);
    View product = arena(((Buffer.Arena) made.buffer()).bytes(), rows, outputs);
    View output = View.of(new Buffer.StageOutput(), outputs);
    Launch first = normed ? new RmsNormLaunch(RowCount.STEP, input, made, new Buffer.Weight(1), EPSILON)
        : gated ? new LoopNestLaunch(RowCount.STEP, LoopNest.swiglu(columns), List.of(input.slice(0, columns), input.slice(columns, columns)), made)
        : new LoopNestLaunch(RowCount.STEP, new LoopNest(columns, LoopNest.geluTanh(new LoopNest.Load(0))), List.of(input), made);
    Launch linear = new LinearLaunch(RowCount.STEP, made, readAgain ? product : output, type, new Buffer.Weight(0), Optional.empty(), Optional.empty(), activations);
    // What was made is read once more: its first columns are added to the product.
    List<Launch> all = readAgain ? List.of(first, linear,
        new LoopNestLaunch(RowCount.STEP, LoopNest.add(outputs), List.of(product, made.slice(0, outputs)), output)) : List.of(first, linear);
    SimulatedStage stage = target.equals("sm_90a") ? SimulatedStage.byWarpgroups(all, rows, rows) : new SimulatedStage(all, rows, 32, target, rows);
    float[] x = gaussian(rows * width, random);
    for (int i = 0; i < x.length; i++) {
      x[i] *= 1 + i / width;    // rows of different sizes
    }
    float[] weight = gaussian(columns, random);
    stage.ints("step", rows, 1, 0, 1);
    stage.floats("input", x);
    stage.bytes("weight:0", matrix.linear());
    stage.floats("weight:1", weight);
    stage.allocate("output", 4L * rows * outputs);
    assertEquals(readAgain ? 4 : 2, stage.run(rows), "launches: what comes before, alone if it is read again, x to halves, the product, the sum");
    float[] actual = stage.floats("output", rows * outputs);
    for (int r = 0; r < rows; r++) {
      int at = r * width;
      double[] row = normed ? normed(x, at, weight) : gated ? gated(x, at, columns) : geluTanh(x, at, columns);
      double[] expected = IntStream.range(0, outputs).mapToDouble(n -> (readAgain ? row[n] : 0)
          + IntStream.range(0, columns).mapToDouble(c -> row[c] * matrix.elements()[n][c]).sum()).toArray();
      double largest = IntStream.range(0, outputs).mapToDouble(n -> Math.abs(expected[n])).max().orElseThrow();
      for (int n = 0; n < outputs; n++) {
        assertEquals(expected[n], actual[r * outputs + n], largest * (activations == Activations.F32 ? 1e-5 : 1e-3), "row " + r + ", output " + n);
      }
    }
  }

  private static View arena(long offset, int rows, int columns) {
    return View.of(new Buffer.Arena(offset, (4L * rows * columns + 63) / 64 * 64), columns);
  }

  private static double[] normed(float[] x, int at, float[] weight) {
    double squares = IntStream.range(0, weight.length).mapToDouble(c -> (double) x[at + c] * x[at + c]).sum();
    return IntStream.range(0, weight.length).mapToDouble(c -> x[at + c] / Math.sqrt(squares / weight.length + EPSILON) * weight[c]).toArray();
  }

  private static double[] gated(float[] x, int at, int columns) {
    return IntStream.range(0, columns).mapToDouble(c -> x[at + c] / (1 + Math.exp(-x[at + c])) * x[at + columns + c]).toArray();
  }

  private static double[] geluTanh(float[] x, int at, int columns) {
    return IntStream.range(0, columns).mapToDouble(c -> x[at + c])
        .map(v -> 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v)))).toArray();
  }

  private static float[] gaussian(int count, Random random) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
