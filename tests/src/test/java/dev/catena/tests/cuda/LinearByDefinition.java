package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import java.io.IOException;
import java.util.Optional;
import java.util.Random;

/** A linear layer with random numbers from the stage's input to its output, perhaps with a bias and added to what is there; and what comes of it, in doubles. */
final class LinearByDefinition {
  private final int rows;
  private final boolean bias;
  private final boolean inPlace;
  private final LinearLaunch launch;
  private final PackedMatrix matrix;
  private final float[] x;
  private final float[] biases;
  private final float[] before;

  LinearByDefinition(MatrixType type, int rows, boolean bias, boolean inPlace, LinearLaunch.Activations activations, Random random)
      throws IOException {
    this.rows = rows;
    this.bias = bias;
    this.inPlace = inPlace;
    View y = View.of(new Buffer.StageOutput(), type.rows());
    launch = new LinearLaunch(RowCount.STEP, View.of(new Buffer.StageInput(), type.columns()), y, type, new Buffer.Weight(0),
        bias ? Optional.of(new Buffer.Weight(1)) : Optional.empty(), inPlace ? Optional.of(y) : Optional.empty(), activations);
    matrix = PackedMatrix.random(type, random);
    x = gaussian(rows * type.columns(), random);
    biases = gaussian(type.rows(), random);
    before = gaussian(rows * type.rows(), random);
  }

  private static float[] gaussian(int count, Random random) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  LinearLaunch launch() {
    return launch;
  }

  /** Runs it. @return how many launches that took */
  int run(SimulatedStage stage) {
    stage.ints("step", rows, 1, 0, 1);
    stage.floats("input", x);
    stage.bytes("weight:0", matrix.linear());
    stage.floats("weight:1", biases);
    if (inPlace) {
      stage.floats("output", before);
    } else {
      stage.allocate("output", 4L * before.length);
    }
    return stage.run(rows);
  }

  /** @param tolerance as a share of the largest element */
  void check(SimulatedStage stage, double tolerance) {
    int outputs = launch.type().rows();
    int columns = launch.type().columns();
    double[] expected = new double[before.length];
    double largest = 1e-30;
    for (int i = 0; i < expected.length; i++) {
      expected[i] = (bias ? biases[i % outputs] : 0) + (inPlace ? before[i] : 0);
      for (int k = 0; k < columns; k++) {
        expected[i] += x[i / outputs * columns + k] * matrix.elements()[i % outputs][k];
      }
      largest = Math.max(largest, Math.abs(expected[i]));
    }
    float[] actual = stage.floats("output", expected.length);
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i] / largest, actual[i] / largest, tolerance, "row " + i / outputs + ", output " + i % outputs);
    }
  }
}
