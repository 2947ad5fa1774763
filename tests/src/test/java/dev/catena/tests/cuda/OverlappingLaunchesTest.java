package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.Buffer;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.KvFormat.Element;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.LoopNest;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.RopeAppendLaunch;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import dev.catena.codegen.cuda.Untried;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A layer whose kernels may begin before those in front of them have ended (sm_90, {@code --experimental}): the simulator finds what is touched too early,
 * and the numbers are those of kernels that don't overlap, whose lanes load the weights that here come by bulk copies.
 */
class OverlappingLaunchesTest {
  private static final int HIDDEN = 128;
  private static final int FFN = 256;
  private static final int HEADS = 4;
  private static final int STEP_ROWS = 24;

  /** To sixteen rows: five launches. Twenty: every kernel of its own. */
  @ParameterizedTest
  @ValueSource(ints = {1, 12, 20})
  void touchNothingTooEarly(int rows) throws IOException {
    KvFormat kv = new KvFormat(Element.F16, Element.U8, 2, 16);
    List<Launch> layer = layer(kv);
    float[] apart = run(SimulatedStage.untried(layer, rows, Untried.NOTHING, "sm_90", 3), kv, rows);
    float[] overlapping = run(SimulatedStage.untried(layer, rows, Untried.BULK, "sm_90", 3), kv, rows);
    // Weights that come in bulk are multiplied in another order: the last bits are others.
    double largest = 0;
    for (float value : apart) {
      largest = Math.max(largest, Math.abs(value));
    }
    assertArrayEquals(apart, overlapping, (float) (2e-6 * largest));
  }

  private static float[] run(SimulatedStage stage, KvFormat kv, int rows) throws IOException {
    Random random = new Random(rows);
    stage.ints("step", rows, 1, 0, 2);
    stage.ints("positions", IntStream.range(0, rows).toArray());
    stage.ints("row_sequence", new int[rows]);
    stage.ints("page_table", 1, 2);
    stage.allocate("kv", 3 * kv.pageBytes());
    stage.floats("input", floats(rows * HIDDEN, random));
    stage.allocate("output", 4L * rows * HIDDEN);
    List<MatrixType> matrices = matrices(kv);
    for (int i = 0; i < matrices.size(); i++) {
      stage.bytes("weight:" + i, PackedMatrix.random(matrices.get(i), random).linear());
    }
    stage.floats("weight:4", floats(HIDDEN, random));
    stage.floats("weight:5", floats(64 * kv.dim(), random));
    assertEquals(rows <= 16, stage.run(rows) == 5, "five launches a layer in decode");
    return stage.floats("output", rows * HIDDEN);
  }

  private static List<MatrixType> matrices(KvFormat kv) {
    int qkv = (HEADS + 2 * kv.heads()) * kv.dim();
    return List.of(MatrixType.quantized(qkv, HIDDEN, 4, 128, false), MatrixType.quantized(HIDDEN, HEADS * kv.dim(), 8, 32, true),
        MatrixType.quantized(2 * FFN, HIDDEN, 4, 32, false), MatrixType.f16(HIDDEN, FFN));
  }

  private static List<Launch> layer(KvFormat kv) {
    List<MatrixType> matrices = matrices(kv);
    int attended = HEADS * kv.dim();
    int keys = kv.heads() * kv.dim();
    View input = View.of(new Buffer.StageInput(), HIDDEN);
    View output = View.of(new Buffer.StageOutput(), HIDDEN);
    List<View> arena = new ArrayList<>();
    for (int columns : new int[] {HIDDEN, attended + 2 * keys, attended, 2 * FFN}) {
      arena.add(View.of(new Buffer.Arena(arena.size() * 32768L, 4L * STEP_ROWS * columns), columns));
    }
    View q = arena.get(1).slice(0, attended);
    View gate = arena.get(3).slice(0, FFN);
    return List.of(new RmsNormLaunch(RowCount.STEP, input, arena.get(0), new Buffer.Weight(4), 1e-6f),
        linear(arena.get(0), arena.get(1), matrices, 0, Optional.empty()),
        new RopeAppendLaunch(q, arena.get(1).slice(attended, keys), arena.get(1).slice(attended + keys, keys), q, new Buffer.Weight(5),
            new Buffer.Weight(5), false, 64, kv.dim(), HEADS, kv),
        new AttentionLaunch(q, arena.get(2), HEADS, 0.25f, kv),
        linear(arena.get(2), output, matrices, 1, Optional.of(input)),
        new RmsNormLaunch(RowCount.STEP, output, arena.get(0), new Buffer.Weight(4), 1e-6f),
        linear(arena.get(0), arena.get(3), matrices, 2, Optional.empty()),
        new LoopNestLaunch(RowCount.STEP, LoopNest.swiglu(FFN), List.of(gate, arena.get(3).slice(FFN, FFN)), gate),
        linear(gate, output, matrices, 3, Optional.of(output)));
  }

  private static Launch linear(View x, View y, List<MatrixType> matrices, int weight, Optional<View> residual) {
    return new LinearLaunch(RowCount.STEP, x, y, matrices.get(weight), new Buffer.Weight(weight), Optional.empty(), residual, Activations.F32);
  }

  private static float[] floats(int count, Random random) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
