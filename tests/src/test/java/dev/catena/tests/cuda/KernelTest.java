package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.Buffer;
import dev.catena.codegen.EmbeddingLaunch;
import dev.catena.codegen.Float16;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.LoopNest;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.RopeAppendLaunch;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.SelectRowsLaunch;
import dev.catena.codegen.View;
import dev.catena.runtime.sampling.Sampler;
import dev.catena.runtime.sampling.SamplingParameters;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/**
 * Each kernel, run by the simulator over random shapes in adversarial order, against its definition in double; the sampler
 * against the runtime's own. A failing shape is shrunk.
 */
class KernelTest {
  private static final int MAX_ROWS = 70;
  /** Elements that lose their place in the cache, and nothing else. */
  private static final float[] BROKEN = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY};

  private static float[] gaussian(int count, Random random) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static View input(int columns) {
    return View.of(new Buffer.StageInput(), columns);
  }

  private static View output(int columns) {
    return View.of(new Buffer.StageOutput(), columns);
  }

  private static String target(int seed) {
    return seed % 2 == 0 ? "sm_86" : "sm_75";
  }

  private static void assertClose(double[] expected, float[] actual, double tolerance) {
    double largest = 1e-30;
    for (double e : expected) {
      largest = Math.max(largest, Math.abs(e));
    }
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i] / largest, actual[i] / largest, tolerance, "element " + i + " of " + expected.length);
    }
  }

  /** Every third matrix came with f32 scales. */
  private static MatrixType scaled(MatrixType type, int seed) {
    return seed % 3 == 0 ? type.withF32Scales() : type;
  }

  @Property(tries = 16)
  void linear(@ForAll @IntRange(min = 1, max = 70) int rows, @ForAll @IntRange(min = 1, max = 90) int outputs,
      @ForAll @IntRange(min = 1, max = 200) int columns, @ForAll @IntRange(min = 0, max = 5) int element,
      @ForAll @IntRange(min = 1, max = 5) int eighths, @ForAll boolean symmetric, @ForAll boolean bias,
      @ForAll boolean inPlace, @ForAll @IntRange(max = 1000) int seed) throws IOException {
    Random random = new Random(seed);
    MatrixType type = switch (element) {
      case 0 -> MatrixType.f32(outputs, columns);
      case 1 -> MatrixType.f16(outputs, columns);
      case 2 -> scaled(MatrixType.quantized(outputs, columns, 8, eighths * (eighths % 2 == 0 ? 16 : 8), symmetric), seed);
      case 3 -> scaled(MatrixType.quantized(outputs, columns, 4, eighths * (eighths % 2 == 0 ? 16 : 8), symmetric), seed);
      default -> scaled(MatrixType.quantized(outputs, columns, element - 2, 32 * eighths, symmetric), seed);
    };
    LinearByDefinition linear = new LinearByDefinition(type, rows, bias, inPlace, Activations.F32, random);
    SimulatedStage stage = new SimulatedStage(List.of(linear.launch()), MAX_ROWS, 32, target(seed), seed);
    linear.run(stage);
    linear.check(stage, 4e-6);
  }

  /** Tiles of every size, with rows and outputs that don't fill them, and with x as one half and as two. */
  @Property(tries = 6)
  void linearOfManyRows(@ForAll @IntRange(min = 17, max = 530) int rows, @ForAll @IntRange(min = 1, max = 140) int outputs,
      @ForAll @IntRange(min = 1, max = 300) int columns, @ForAll @IntRange(min = 0, max = 4) int element,
      @ForAll @IntRange(min = 1, max = 3) int groups, @ForAll boolean coarse, @ForAll @IntRange(max = 1000) int seed)
      throws IOException {
    Random random = new Random(seed);
    MatrixType type = element == 0 ? MatrixType.f16(outputs, columns)
        : MatrixType.quantized(outputs, columns, element < 3 ? 4 * element : element - 1, 32 * groups, seed % 2 == 0);
    LinearByDefinition linear = new LinearByDefinition(type, rows, true, true, coarse ? Activations.INT8 : Activations.F32, random);
    SimulatedStage stage = new SimulatedStage(List.of(linear.launch()), 530, 32, target(seed), seed);
    linear.run(stage);
    linear.check(stage, coarse ? 1e-3 : 4e-6);
  }

  /** More tiles of rows than go through the outputs side by side, of which the last is alone. */
  @Example
  void nineTilesOfRows() throws IOException {
    int rows = 1050;
    LinearByDefinition linear = new LinearByDefinition(MatrixType.quantized(270, 40, 4, 40, false), rows, true, true, Activations.BF16, new Random(9));
    SimulatedStage stage = new SimulatedStage(List.of(linear.launch()), rows, 32, "sm_80", 9);
    linear.run(stage);
    linear.check(stage, 1e-3);
  }

  /** The norm before a linear layer, and the SwiGLU behind it, become one kernel with it for a few rows. */
  @Property(tries = 10)
  void normLinearAndSwiglu(@ForAll @IntRange(min = 1, max = 17) int rows, @ForAll @IntRange(min = 1, max = 4) int blocks,
      @ForAll @IntRange(min = 1, max = 300) int few, @ForAll boolean many, @ForAll @IntRange(min = 1, max = 4) int storage,
      @ForAll @IntRange(min = 0, max = 4) int groups, @ForAll boolean normed, @ForAll boolean bias, @ForAll @IntRange(max = 1000) int seed) throws IOException {
    Random random = new Random(seed);
    int half = 16 * blocks;
    int columns = many ? 1000 + few : few;     // from 1024 on all warps of a block have some
    MatrixType type = MatrixType.quantized(2 * half, columns, storage == 1 ? 8 : storage, groups == 0 ? 512 : 32 * groups, bias);
    PackedMatrix matrix = PackedMatrix.random(type, random);
    View normedRows = View.of(new Buffer.Arena(0, (4L * MAX_ROWS * columns + 63) / 64 * 64), columns);
    View both = View.of(new Buffer.Arena((4L * MAX_ROWS * columns + 63) / 64 * 64, 4L * MAX_ROWS * 2 * half), 2 * half);
    View gate = both.slice(0, half);
    List<Launch> launches = new ArrayList<>();
    if (normed) {
      launches.add(new RmsNormLaunch(RowCount.STEP, input(columns), normedRows, new Buffer.Weight(2), 1e-5f));
    }
    launches.add(new LinearLaunch(RowCount.STEP, normed ? normedRows : input(columns), both, type, new Buffer.Weight(0),
        bias ? Optional.of(new Buffer.Weight(1)) : Optional.empty(), Optional.empty(), Activations.F32));
    launches.add(new LoopNestLaunch(RowCount.STEP, LoopNest.swiglu(half), List.of(gate, both.slice(half, half)), output(half)));
    SimulatedStage stage = new SimulatedStage(launches, MAX_ROWS, 32, target(seed), seed);
    float[] x = gaussian(rows * columns, random);
    for (int c = 0; c < columns; c++) {
      x[c] *= 1e-3f;     // rows of different sizes
    }
    float[] biases = gaussian(2 * half, random);
    float[] weight = gaussian(columns, random);
    stage.ints("step", rows, 1, 0, 1);
    stage.floats("input", x);
    stage.bytes("weight:0", matrix.linear());
    stage.floats("weight:1", biases);
    stage.floats("weight:2", weight);
    stage.allocate("output", 4L * rows * half);
    assertEquals(rows <= 16 ? 1 : 3, stage.run(rows));
    double[] expected = new double[rows * half];
    double[] products = new double[2 * half];
    for (int r = 0; r < rows; r++) {
      double squares = 0;
      for (int c = 0; c < columns; c++) {
        squares += (double) x[r * columns + c] * x[r * columns + c];
      }
      double factor = normed ? 1 / Math.sqrt(squares / columns + 1e-5) : 1;
      for (int n = 0; n < 2 * half; n++) {
        products[n] = bias ? biases[n] : 0;
        for (int c = 0; c < columns; c++) {
          products[n] += x[r * columns + c] * factor * (normed ? weight[c] : 1) * matrix.elements()[n][c];
        }
      }
      for (int n = 0; n < half; n++) {
        expected[r * half + n] = products[n] / (1 + Math.exp(-products[n])) * products[half + n];
      }
    }
    assertClose(expected, stage.floats("output", expected.length), 1e-5);
  }

  @Property(tries = 6)
  void normSwigluAndSelection(@ForAll @IntRange(min = 1, max = 70) int rows, @ForAll @IntRange(min = 1, max = 300) int columns,
      @ForAll @IntRange(max = 1000) int seed) throws IOException {
    Random random = new Random(seed);
    View normed = View.of(new Buffer.Arena(0, (4L * MAX_ROWS * columns + 63) / 64 * 64), columns);
    List<Launch> launches = List.of(
        new RmsNormLaunch(RowCount.STEP, input(columns), normed, new Buffer.Weight(0), 1e-5f),
        new LoopNestLaunch(RowCount.STEP, LoopNest.swiglu(columns), List.of(normed, input(columns)), normed),
        new SelectRowsLaunch(normed, output(columns)));
    SimulatedStage stage = new SimulatedStage(launches, MAX_ROWS, 32, target(seed), seed);
    float[] x = gaussian(rows * columns, random);
    float[] weight = gaussian(columns, random);
    int[] selected = IntStream.range(0, rows).filter(r -> r % 3 == 0).toArray();
    stage.ints("step", rows, 1, selected.length, 1);
    stage.ints("selected_rows", selected);
    stage.floats("input", x);
    stage.floats("weight:0", weight);
    stage.allocate("output", 4L * selected.length * columns);
    stage.run(rows);
    double[] expected = new double[selected.length * columns];
    for (int i = 0; i < expected.length; i++) {
      int r = selected[i / columns];
      double squares = 0;
      for (int c = 0; c < columns; c++) {
        squares += (double) x[r * columns + c] * x[r * columns + c];
      }
      int c = i % columns;
      double gate = x[r * columns + c] / Math.sqrt(squares / columns + 1e-5) * weight[c];
      expected[i] = gate / (1 + Math.exp(-gate)) * x[r * columns + c];
    }
    assertClose(expected, stage.floats("output", expected.length), 2e-6);
  }

  @Property(tries = 6)
  void embedding(@ForAll @IntRange(min = 1, max = 70) int rows, @ForAll @IntRange(min = 1, max = 300) int width,
      @ForAll @IntRange(min = 0, max = 5) int element, @ForAll boolean symmetric, @ForAll boolean packed,
      @ForAll @IntRange(max = 1000) int seed) throws IOException {
    Random random = new Random(seed);
    int vocabulary = 105;
    MatrixType type = element == 0 ? MatrixType.f32(vocabulary, width) : element == 1 ? MatrixType.f16(vocabulary, width)
        : scaled(MatrixType.quantized(vocabulary, width, element == 2 ? 8 : element == 3 ? 4 : element - 2, 32, symmetric), seed);
    PackedMatrix table = PackedMatrix.random(type, random);
    SimulatedStage stage = new SimulatedStage(List.of(new EmbeddingLaunch(output(width), type, new Buffer.Weight(0),
        EmbeddingLaunch.Key.TOKEN, packed)), MAX_ROWS, 32, target(seed), seed);
    int[] tokens = random.ints(rows, 0, vocabulary).toArray();
    stage.ints("step", rows, 1, 0, 1);
    stage.ints("tokens", tokens);
    stage.bytes("weight:0", packed ? table.linear() : table.table());
    stage.allocate("output", 4L * rows * width);
    stage.run(rows);
    double[] expected = new double[rows * width];
    for (int i = 0; i < expected.length; i++) {
      expected[i] = table.elements()[tokens[i / width]][i % width];
    }
    assertClose(expected, stage.floats("output", expected.length), 1e-7);
  }

  /** A sequence in steps of some rows, into pages that are not in order; the cached values are judged by what attention makes of them. */
  @Property(tries = 10)
  void ropeAndAttention(@ForAll @IntRange(min = 1, max = 24) int rowsOfStep, @ForAll @IntRange(min = 1, max = 150) int length,
      @ForAll @IntRange(min = 1, max = 40) int halfDim, @ForAll @IntRange(min = 1, max = 2) int kvHeads,
      @ForAll @IntRange(min = 1, max = 9) int group, @ForAll @IntRange(min = 0, max = 3) int keyElement,
      @ForAll @IntRange(min = 0, max = 3) int valueElement, @ForAll boolean broken, @ForAll @IntRange(max = 1000) int seed)
      throws IOException {
    Random random = new Random(seed);
    int dim = 2 * halfDim;
    int heads = kvHeads * group;
    int steps = Math.max(1, Math.min(length / rowsOfStep, 5));
    int positions = Math.min(length, steps * rowsOfStep);
    int columns = (heads + 2 * kvHeads) * dim;
    KvFormat kv = new KvFormat(KvFormat.Element.values()[keyElement], KvFormat.Element.values()[valueElement], kvHeads, dim);
    View all = input(columns);
    View rotated = View.of(new Buffer.Arena(0, 4L * MAX_ROWS * heads * dim / 64 * 64 + 64), heads * dim);
    float scale = (float) (1 / Math.sqrt(dim));
    SimulatedStage stage = new SimulatedStage(List.of(
        new RopeAppendLaunch(all.slice(0, heads * dim), all.slice(heads * dim, kvHeads * dim),
            all.slice((heads + kvHeads) * dim, kvHeads * dim), rotated, new Buffer.Weight(0), new Buffer.Weight(1), false, 256,
            dim, heads, kv),
        new AttentionLaunch(rotated, output(heads * dim), heads, scale, kv)), MAX_ROWS, 32, target(seed), seed);
    float[] cos = gaussian(256 * dim, random);
    float[] sin = gaussian(256 * dim, random);
    stage.floats("weight:0", cos);
    stage.floats("weight:1", sin);
    stage.allocate("kv", 4 * kv.pageBytes());
    stage.ints("page_table", 0, 0, 0, 3, 1, 2); // the second of two sequences
    float[] x = gaussian(positions * columns, random);
    for (int p = 0; broken && p < positions; p++) {
      if (kv.k().quantized()) {
        x[p * columns + heads * dim + random.nextInt(kvHeads * dim)] = BROKEN[random.nextInt(BROKEN.length)];
      }
      if (kv.v().quantized()) {
        x[p * columns + (heads + kvHeads) * dim + random.nextInt(kvHeads * dim)] = BROKEN[random.nextInt(BROKEN.length)];
      }
    }
    double[][] keys = new double[positions][kvHeads * dim];
    double[][] values = new double[positions][kvHeads * dim];
    for (int first = 0; first < positions; first += rowsOfStep) {
      int rows = Math.min(rowsOfStep, positions - first);
      stage.ints("step", rows, 2, 0, 3);
      stage.ints("positions", IntStream.range(first, first + rows).toArray());
      stage.ints("row_sequence", IntStream.generate(() -> 1).limit(rows).toArray());
      stage.floats("input", Arrays.copyOfRange(x, first * columns, (first + rows) * columns));
      stage.allocate("output", 4L * rows * heads * dim);
      stage.run(rows);
      double[] expected = new double[rows * heads * dim];
      for (int i = 0; i < rows; i++) {
        int p = first + i;
        for (int h = 0; h < kvHeads; h++) {
          store(rotate(x, p * columns + (heads + h) * dim, cos, sin, p, dim), kv.k(), keys[p], h * dim);
          double[] v = new double[dim];
          for (int d = 0; d < dim; d++) {
            v[d] = x[p * columns + (heads + kvHeads + h) * dim + d];
          }
          store(v, kv.v(), values[p], h * dim);
        }
        for (int h = 0; h < heads; h++) {
          attend(rotate(x, p * columns + h * dim, cos, sin, p, dim), scale, keys, values, h / group * dim, p + 1, expected,
              (i * heads + h) * dim);
        }
      }
      // Where a quotient lies at a border, its code may be the neighbour.
      double tolerance = kv.k() == KvFormat.Element.U4 || kv.v() == KvFormat.Element.U4 ? 0.1
          : kv.k() == KvFormat.Element.U8 || kv.v() == KvFormat.Element.U8 ? 0.01
          : kv.k() == KvFormat.Element.F16 || kv.v() == KvFormat.Element.F16 ? 1e-3 : 1e-5;
      assertClose(expected, stage.floats("output", expected.length), tolerance);
    }
  }

  private static double[] rotate(float[] x, int at, float[] cos, float[] sin, int position, int dim) {
    double[] out = new double[dim];
    int half = dim / 2;
    for (int d = 0; d < dim; d++) {
      double partner = d < half ? -x[at + d + half] : x[at + d - half];
      out[d] = x[at + d] * (double) cos[position * dim + d] + partner * sin[position * dim + d];
    }
    return out;
  }

  /** What docs/kv-layout.md keeps of a head's elements. */
  private static void store(double[] x, KvFormat.Element element, double[] into, int at) {
    double low = Arrays.stream(x).filter(Double::isFinite).min().orElse(0);
    double high = Arrays.stream(x).filter(Double::isFinite).max().orElse(0);
    int largestCode = (1 << element.bits() % 32) - 1;
    float scale = Float16.valueOf(Float16.bitsOf((float) ((high - low) / largestCode)));
    float minimum = Float16.valueOf(Float16.bitsOf((float) low));
    for (int d = 0; d < x.length; d++) {
      into[at + d] = switch (element) {
        case F32 -> (float) x[d];
        case F16 -> Float16.valueOf(Float16.bitsOf((float) x[d]));
        case U8, U4 -> minimum + scale * code((x[d] - minimum) / scale, largestCode);
      };
    }
  }

  private static double code(double quotient, int largestCode) {
    return quotient > 0 ? Math.min(largestCode, Math.rint(quotient)) : 0; // NaN: 0
  }

  private static void attend(double[] q, double scale, double[][] keys, double[][] values, int at, int count, double[] out,
      int outAt) {
    double[] scores = new double[count];
    double largest = Double.NEGATIVE_INFINITY;
    for (int p = 0; p < count; p++) {
      for (int d = 0; d < q.length; d++) {
        scores[p] += q[d] * scale * keys[p][at + d];
      }
      largest = Math.max(largest, scores[p]);
    }
    double total = 0;
    for (int p = 0; p < count; p++) {
      double weight = Math.exp(scores[p] - largest);
      total += weight;
      for (int d = 0; d < q.length; d++) {
        out[outAt + d] += weight * values[p][at + d];
      }
    }
    for (int d = 0; d < q.length; d++) {
      out[outAt + d] /= total;
    }
  }

  /** The same ids as on the CPU, whatever the parameters. */
  @Property(tries = 4)
  void sampling(@ForAll @IntRange(min = 1, max = 400) int vocabulary, @ForAll @IntRange(max = 1000) int seed) throws IOException {
    sample(vocabulary, 12, seed);
  }

  /** A vocabulary of real size, many of whose logits are equal. */
  @Example
  void samplingFromManyTokens() throws IOException {
    sample(128256, 3, 7);
  }

  private static void sample(int vocabulary, int rows, int seed) throws IOException {
    Random random = new Random(seed);
    SimulatedStage stage = new SimulatedStage(List.of(new EmbeddingLaunch(output(8), MatrixType.f32(4, 8), new Buffer.Weight(0))),
        rows, vocabulary, target(seed), seed);
    float[] logits = gaussian(rows * vocabulary, random);
    int[] history = random.ints(rows * 20, 0, vocabulary).toArray();
    ByteBuffer parameters = ByteBuffer.allocate(64 * rows).order(ByteOrder.LITTLE_ENDIAN);
    int[] expected = new int[rows];
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < vocabulary && r % 2 == 1; i++) {
        logits[r * vocabulary + i] = Math.round(4 * logits[r * vocabulary + i]); // many equal ones
      }
      SamplingParameters p = new SamplingParameters(r == 0 ? 0 : Math.exp(random.nextGaussian()),
          random.nextInt(vocabulary + 1), random.nextInt(3) == 0 ? 1 : random.nextDouble(), random.nextDouble() * 0.2,
          0.5 + random.nextDouble(), random.nextLong());
      int length = random.nextInt(21);
      int position = random.nextInt(1 << 20);
      parameters.putDouble(p.temperature()).putDouble(p.topP()).putDouble(p.minP()).putDouble(p.repeatPenalty()).putLong(p.seed())
          .putLong(20L * r).putInt(p.topK()).putInt(position).putInt(length).putInt(0);
      if (r == rows - 1) {
        logits[r * vocabulary] = Float.NaN;
        expected[r] = -1;
      } else {
        expected[r] = new Sampler(p, vocabulary).sample(FloatBuffer.wrap(logits, r * vocabulary, vocabulary),
            Arrays.copyOfRange(history, 20 * r, 20 * r + 20), length, position);
      }
    }
    stage.ints("step", rows, rows, rows, 1);
    stage.floats("logits", logits);
    stage.bytes("sampling", parameters.array());
    stage.ints("history", history);
    stage.allocate("sampled", 4L * rows);
    stage.sample(rows);
    float[] after = stage.floats("logits", rows * vocabulary);
    assertEquals(-1, Arrays.mismatch(logits, after), "logits stay as they are");
    assertEquals(Arrays.toString(expected), Arrays.toString(stage.readInts("sampled", rows)));
  }
}
