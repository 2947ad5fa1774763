package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.CodeStore;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.LoopNest;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import dev.catena.codegen.cuda.CudaProgram;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.KernelLaunch;
import dev.catena.codegen.cuda.LinearCandidates;
import dev.catena.codegen.cuda.LinearCase;
import dev.catena.codegen.cuda.LinearConfiguration;
import dev.catena.codegen.cuda.NvrtcCompiler;
import dev.catena.codegen.cuda.TunedKernels;
import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.SimMachine;
import dev.catena.sim.machine.SimModule;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever a linear layer's kernel is configured with, it computes its definition; by the simulator, against doubles. */
class LinearConfigurationTest {
  private static final CudaTarget TARGET = CudaTarget.parse("sm_90");
  private static final int MOST_SPLITS = 4;

  /** With a norm before it and SwiGLU behind it where the kernel has these, else with bias and residual. */
  @ParameterizedTest
  @CsvSource({"TOKENS, 5, 4, 64, 1088", "TOKENS, 8, 8, 32, 330", "TOKENS, 7, 16, 0, 1088", "TOKENS, 12, 3, 64, 330", "BULK, 3, 4, 128, 1408", "BULK, 16, 3, 128, 1152",
      "BULK, 8, 16, 0, 640", "BULK, 1, 8, 256, 1024", "BULK, 6, 2, 128, 2304", "FEW_ROWS, 7, 4, 24, 70", "MANY_ROWS, 19, 4, 32, 200"})
  void everyConfigurationComputesTheDefinition(LinearConfiguration.Kind kind, int rows, int bits, int group, int columns) throws IOException {
    Random random = new Random(bits + rows);
    boolean fused = kind == LinearConfiguration.Kind.TOKENS || kind == LinearConfiguration.Kind.BULK;
    int outputs = fused ? 64 : 50;
    MatrixType type = bits == 16 ? MatrixType.f16(outputs, columns) : MatrixType.quantized(outputs, columns, bits, group, false);
    PackedMatrix matrix = PackedMatrix.random(type, random);
    List<LinearCase> cases = LinearCase.of(List.of(fused ? fused(type) : single(type)), rows);
    assertEquals(1, cases.size());
    LinearCase only = cases.get(0);
    assertEquals(fused ? LinearConfiguration.Kind.TOKENS : kind, only.kind());
    // Where only the registers differ that the compiler leaves, the instructions are the same. Of loads, bulk copies and splits some: time is short.
    Map<String, LinearConfiguration> distinct = new LinkedHashMap<>();
    only.configurations(TARGET).stream().filter(c -> c.kind() == kind && isTried(c, bits))
        .forEach(c -> distinct.putIfAbsent(c.warps() + " " + c.inFlight() + " " + c.splits(), c));
    assertEquals(fused, distinct.values().stream().anyMatch(c -> c.splits() > 1));
    assertTrue(distinct.size() >= (kind == LinearConfiguration.Kind.BULK ? 1 : 4), distinct.toString());
    LinearCandidates candidates = LinearCandidates.of(only, List.copyOf(distinct.values()));
    SimMachine machine = machine(rows);
    SimModule module = machine.load(new String(candidates.ptx(TARGET, new NvrtcCompiler(CodeStore.none())), StandardCharsets.UTF_8));
    float[] x = gaussian(rows * columns, random);
    float[] norm = gaussian(columns, random);
    float[] bias = gaussian(outputs, random);
    float[] residual = gaussian(rows * outputs, random);
    Operands operands = new Operands(only, matrix, x, norm, bias, residual);
    double[] expected = expected(matrix, rows, x, norm, bias, residual, fused);
    for (LinearCandidates.Candidate candidate : candidates.candidates()) {
      float[] actual = operands.run(machine, module, candidate, expected.length);
      double largest = 0;
      for (double e : expected) {
        largest = Math.max(largest, Math.abs(e));
      }
      for (int i = 0; i < expected.length; i++) {
        assertEquals(expected[i] / largest, actual[i] / largest, 1e-5, candidate.configuration().text() + ", element " + i);
      }
    }
  }

  private static boolean isTried(LinearConfiguration c, int bits) {
    return switch (c.kind()) {
      case TOKENS -> c.splits() == 1 ? c.warps() != 4 || c.inFlight() > 4 : c.inFlight() == 8;
      case BULK -> c.splits() == 1 ? c.inFlight() == (c.warps() == 8 ? 4 : bits == 16 ? 2 : 6) : c.splits() == 3 && c.inFlight() == 4;
      case FEW_ROWS, MANY_ROWS -> true;
    };
  }

  /** In another order of blocks another one is the last to arrive: not a bit may differ. Without SwiGLU, whose exponential the simulator misses by the seed. */
  @Test
  void bitsDoNotFollowTheOrderOfBlocks() throws IOException {
    int rows = 2;
    MatrixType type = MatrixType.quantized(64, 640, 4, 128, false);
    LinearCase only = LinearCase.of(List.of(fused(type).subList(0, 2)), rows).get(0);
    LinearCandidates candidates = mostSplits(only);
    String ptx = new String(candidates.ptx(TARGET, new NvrtcCompiler(CodeStore.none())), StandardCharsets.UTF_8);
    Random random = new Random(5);
    Operands operands = new Operands(only, PackedMatrix.random(type, random), gaussian(rows * 640, random), gaussian(640, random), gaussian(64, random), new float[0]);
    float[] first = null;
    for (int seed = 1; seed <= 4; seed++) {
      SimMachine machine = machine(seed);
      float[] results = operands.run(machine, machine.load(ptx), candidates.candidates().get(0), rows * 64);
      assertArrayEquals(first == null ? results : first, results, "seed " + seed);
      first = results;
    }
  }

  private static LinearCandidates mostSplits(LinearCase of) {
    return LinearCandidates.of(of, of.configurations(TARGET).stream().filter(c -> c.splits() == MOST_SPLITS).limit(1).toList());
  }

  /** Squares of one split that overflow, or sum up to infinity, leave nothing of their row, as without splits; other rows stay. */
  @Test
  void aRowWhoseSquaresOverflowIsNothing() throws IOException {
    int rows = 3;
    int columns = 1024;
    MatrixType type = MatrixType.quantized(64, columns, 4, 128, false);
    PackedMatrix matrix = PackedMatrix.random(type, new Random(1));
    LinearCase only = LinearCase.of(List.of(fused(type)), rows).get(0);
    float[] x = gaussian(rows * columns, new Random(2));
    x[0] = 3e38f;
    x[columns + 5] = 1.5e19f;
    x[columns + 900] = 1.5e19f;
    float[] norm = gaussian(columns, new Random(3));
    float[] bias = gaussian(64, new Random(4));
    LinearCandidates candidates = mostSplits(only);
    SimMachine machine = machine(1);
    SimModule module = machine.load(new String(candidates.ptx(TARGET, new NvrtcCompiler(CodeStore.none())), StandardCharsets.UTF_8));
    float[] actual = new Operands(only, matrix, x, norm, bias, new float[0]).run(machine, module, candidates.candidates().get(0), rows * 32);
    double[] expected = expected(matrix, 1, Arrays.copyOfRange(x, 2 * columns, 3 * columns), norm, bias, new float[64], true);
    for (int i = 0; i < 32; i++) {
      double biasAlone = bias[i] / (1 + Math.exp(-bias[i])) * bias[i + 32];
      assertEquals(biasAlone, actual[i], 1e-6, "row 0, element " + i);
      assertEquals(biasAlone, actual[32 + i], 1e-6, "row 1, element " + i);
      assertEquals(expected[i], actual[64 + i], 1e-5 * Math.max(1, Math.abs(expected[i])), "row 2, element " + i);
    }
  }

  private static SimMachine machine(int seed) {
    return new SimMachine(SimMachine.Settings.defaults().withSeed(seed).withArchitecture(TARGET.capability()));
  }

  /** What a case is computed of. */
  private record Operands(LinearCase of, PackedMatrix matrix, float[] x, float[] norm, float[] bias, float[] residual) {
    float[] run(SimMachine machine, SimModule module, LinearCandidates.Candidate candidate, int results) {
      Map<String, Allocation> memory = new HashMap<>();
      memory.put("step", machine.allocate("step", 16));
      memory.get("step").writeInts(0, of.rows(), 1, 0, 1);
      put(machine, memory, "input", x);
      put(machine, memory, "weight:" + LinearCase.NORM, norm);
      put(machine, memory, "weight:" + LinearCase.BIAS, bias);
      memory.put("weight:" + LinearCase.MATRIX, machine.allocate("matrix", matrix.linear().length));
      memory.get("weight:" + LinearCase.MATRIX).write(0, ByteBuffer.wrap(matrix.linear()), matrix.linear().length);
      memory.put("arena", machine.allocate("arena", Math.max(16, of.arenaBytes())));
      memory.put("scratch", machine.allocate("scratch", Math.max(16, of.scratchBytes())));
      memory.put("counters", machine.allocate("counters", 4L * CudaProgram.COUNTERS));
      memory.get("counters").writeInts(0, new int[CudaProgram.COUNTERS]);
      memory.put("output", machine.allocate("output", 4L * results));
      of.linear().residual().ifPresent(view -> memory.get("arena").writeFloats(((Buffer.Arena) view.buffer()).offset(), residual));
      for (KernelLaunch launch : candidate.launches()) {
        machine.launch(module.kernel(launch.kernel()), ints(launch.grid()), ints(launch.block()), launch.sharedBytes(),
            launch.arguments().stream().mapToLong(argument -> address(memory, argument)).toArray());
      }
      // Zero again: as whole numbers, of which floats show the bits.
      assertArrayEquals(new float[CudaProgram.COUNTERS], memory.get("counters").readFloats(0, CudaProgram.COUNTERS));
      float[] output = memory.get("output").readFloats(0, results);
      memory.values().forEach(machine::free);
      return output;
    }
  }

  private static List<Launch> fused(MatrixType type) {
    View x = View.of(new Buffer.StageInput(), type.columns());
    View normed = View.of(new Buffer.Arena(0, 1 << 16), type.columns());
    View both = View.of(new Buffer.Arena(1 << 16, 1 << 16), type.rows());
    int half = type.rows() / 2;
    return List.of(new RmsNormLaunch(RowCount.STEP, x, normed, new Buffer.Weight(5), 1e-5f),
        new LinearLaunch(RowCount.STEP, normed, both, type, new Buffer.Weight(6), Optional.of(new Buffer.Weight(7)), Optional.empty(), Activations.F32),
        new LoopNestLaunch(RowCount.STEP, LoopNest.swiglu(half), List.of(both.slice(0, half), both.slice(half, half)),
            View.of(new Buffer.StageOutput(), half)));
  }

  private static List<Launch> single(MatrixType type) {
    View y = View.of(new Buffer.StageOutput(), type.rows());
    return List.of(new LinearLaunch(RowCount.STEP, View.of(new Buffer.StageInput(), type.columns()), y, type, new Buffer.Weight(3),
        Optional.of(new Buffer.Weight(1)), Optional.of(y), Activations.F32));
  }

  private static double[] expected(PackedMatrix matrix, int rows, float[] x, float[] norm, float[] bias, float[] residual, boolean fused) {
    int columns = matrix.type().columns();
    int outputs = matrix.type().rows();
    int width = fused ? outputs / 2 : outputs;
    double[] expected = new double[rows * width];
    double[] products = new double[outputs];
    for (int r = 0; r < rows; r++) {
      double squares = 0;
      for (int k = 0; k < columns; k++) {
        squares += (double) x[r * columns + k] * x[r * columns + k];
      }
      double factor = 1 / Math.sqrt(squares / columns + 1e-5);
      for (int n = 0; n < outputs; n++) {
        products[n] = bias[n] + (fused ? 0 : residual[r * outputs + n]);
        for (int k = 0; k < columns; k++) {
          products[n] += x[r * columns + k] * (fused ? factor * norm[k] : 1) * matrix.elements()[n][k];
        }
      }
      for (int n = 0; n < width; n++) {
        expected[r * width + n] = fused ? products[n] / (1 + Math.exp(-products[n])) * products[width + n] : products[n];
      }
    }
    return expected;
  }

  private static float[] gaussian(int count, Random random) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static void put(SimMachine machine, Map<String, Allocation> memory, String name, float[] values) {
    memory.put(name, machine.allocate(name, 4L * values.length));
    memory.get(name).writeFloats(0, values);
  }

  private static long address(Map<String, Allocation> memory, String argument) {
    String[] parts = argument.split("\\+");
    return memory.get(parts[0]).address() + (parts.length == 1 ? 0 : Long.parseLong(parts[1]));
  }

  private static int[] ints(List<Integer> values) {
    return values.stream().mapToInt(Integer::intValue).toArray();
  }

  @Test
  void textsAreReadBack() {
    List<LinearConfiguration> all = new ArrayList<>();
    for (LinearConfiguration.Kind kind : LinearConfiguration.Kind.values()) {
      all.addAll(LinearConfiguration.all(kind));
    }
    all.forEach(c -> assertEquals(c, LinearConfiguration.parse(c.text())));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a tokens_w8_f4_r2", "a = tokens_w7_f4_r2", "a = tokens_w8", "a = tile_w4_s9", "a = tokens_w8_f8_r2_k2", "a = tokens_w2_f8_r8_k1", "a = bulk_w8_s4_r2_k2", "a = rows_w4\na = rows_w8", "a =", "= rows_w4 x"})
  void tablesThatAreNone(String text) {
    IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, () -> TunedKernels.read("t.tuned", new StringReader(text)));
    assertTrue(refused.getMessage().matches("t\\.tuned, line [12]: [^\n]+"), refused.getMessage());
  }
}
