package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.Buffer;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.LoopNest;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import dev.catena.codegen.cuda.LinearConfiguration;
import dev.catena.sim.machine.KernelCounters;
import dev.catena.sim.machine.KernelCounters.OfInstruction;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What kernels of Llama-7B's widths do to memory, counted by the simulator on a few of their blocks: weights and cache come in whole
 * sectors, each once, and no bank of shared memory is met twice in a main loop.
 */
class KernelCountersGateTest {
  private static final int COLUMNS = 4096;
  private static final int MAX_ROWS = 64;
  private static final int SECTOR = 32;
  private static final String WEIGHT = "weight:0";
  private static final String KV = "kv";

  private static View input(int columns) {
    return View.of(new Buffer.StageInput(), columns);
  }

  private static View output(int columns) {
    return View.of(new Buffer.StageOutput(), columns);
  }

  /** The launch that reads {@code memory}. */
  private static KernelCounters reader(List<KernelCounters> launches, String memory) {
    return launches.stream().filter(c -> c.memory(memory).loads().requests() > 0).findFirst().orElseThrow();
  }

  private static List<KernelCounters> linear(MatrixType type, int rows, boolean fused, String target, Activations activations) throws IOException {
    int outputs = type.rows();
    View normed = View.of(new Buffer.Arena(0, 4L * MAX_ROWS * COLUMNS), COLUMNS);
    View both = View.of(new Buffer.Arena(4L * MAX_ROWS * COLUMNS, 4L * MAX_ROWS * outputs), outputs);
    List<Launch> launches = new ArrayList<>();
    if (fused) {
      launches.add(new RmsNormLaunch(RowCount.STEP, input(COLUMNS), normed, new Buffer.Weight(1), 1e-5f));
    }
    launches.add(new LinearLaunch(RowCount.STEP, fused ? normed : input(COLUMNS), fused ? both : output(outputs), type,
        new Buffer.Weight(0), Optional.empty(), Optional.empty(), activations));
    if (fused) {
      launches.add(new LoopNestLaunch(RowCount.STEP, LoopNest.swiglu(outputs / 2),
          List.of(both.slice(0, outputs / 2), both.slice(outputs / 2, outputs / 2)), output(outputs / 2)));
    }
    SimulatedStage stage = new SimulatedStage(launches, MAX_ROWS, 32, target, 1);
    stage.ints("step", rows, 1, 0, 1);
    stage.constant("input", 4L * rows * COLUMNS, 0x3C);
    stage.constant(WEIGHT, new MatrixLayout(type).bytes(), 0x3C);
    stage.constant("weight:1", 4L * COLUMNS, 0x3C);
    stage.allocate("output", 4L * rows * outputs);
    return stage.count(rows);
  }

  @ParameterizedTest
  @CsvSource({"4, 1, false, sm_86, BF16", "4, 8, true, sm_86, BF16", "2, 8, false, sm_90, BF16", "3, 16, true, sm_80, F32", "3, 64, false, sm_86, BF16",
      "8, 1, true, sm_86, BF16", "16, 1, false, sm_86, F32", "16, 8, false, sm_86, BF16", "4, 16, false, sm_86, BF16", "8, 16, false, sm_86, F32",
      "16, 16, false, sm_86, BF16", "4, 64, false, sm_86, BF16", "4, 1, true, sm_75, F32", "8, 16, false, sm_75, BF16"})
  void linear(int bits, int rows, boolean fused, String target, Activations activations) throws IOException {
    int outputs = rows > 32 ? 128 : 64;     // so that every warp of a block has some
    MatrixType type = bits == 16 ? MatrixType.f16(outputs, COLUMNS) : MatrixType.quantized(outputs, COLUMNS, bits, 128, false);
    KernelCounters counters = reader(linear(type, rows, fused, target, activations), WEIGHT);
    KernelCounters.OfMemory weights = counters.memory(WEIGHT);
    // A block of outputs is read by one block of threads, and all of it.
    assertEquals(weights.bytes(), SECTOR * weights.touchedSectors(), weights.toString());
    assertEquals(weights.touchedSectors(), weights.touchedByBlocks(), weights.toString());
    // Zeros of a group are 16 bytes: half a sector, whose other half is the next group's.
    assertTrue(weights.loads().excess() < (bits < 4 ? 1.04 : 1.02), weights.toString());
    List<OfInstruction> codes = counters.instructions().stream().filter(i -> i.memory().equals(WEIGHT))
        .filter(i -> i.global().bytes() == SECTOR * i.global().idealSectors()     // lanes share scales and zeros
            || bits < 4 && i.name().contains(".v4.")).toList();     // and with many rows words of few bits
    assertTrue(codes.stream().mapToLong(i -> i.global().bytes()).sum() > 0.9 * weights.bytes(), describe(codes.stream()).toString());
    assertEquals(List.of(), describe(codes.stream().filter(i -> i.global().sectors() != i.global().idealSectors())));
    assertNoConflicts(counters, WEIGHT);
    assertEquals(0, counters.localBytes());
    // 32 lanes of each warp have so many loads of 16 bytes on their way before they wait for one; where copies go past the registers.
    boolean copies = rows <= 16 && !target.equals("sm_75");
    LinearConfiguration standard = LinearConfiguration.parse(rows <= 8 ? "tokens_w8_f8_r2" : "tokens_w4_f16_r3");
    long loads = bits == 3 ? standard.inFlight() / 3 * 3 : standard.inFlight();
    assertEquals(copies ? standard.warps() * 32L * loads * 16 : 0, weights.bytesAhead() / counters.blocks());
  }

  @ParameterizedTest
  @CsvSource({"F16, 1, 128, sm_86", "U8, 1, 160, sm_86", "U4, 1, 128, sm_86", "F16, 16, 96, sm_86", "U4, 16, 128, sm_75", "U4, 1, 64, sm_90"})
  void attention(KvFormat.Element element, int rows, int dim, String target) throws IOException {
    int heads = 4;
    int context = 320;
    KvFormat kv = new KvFormat(element, element, 2, dim);
    int pages = (context + 63) / 64;
    SimulatedStage stage = new SimulatedStage(List.of(new AttentionLaunch(input(heads * dim), output(heads * dim), heads, 0.1f, kv)),
        MAX_ROWS, 32, target, 1);
    stage.ints("step", rows, 1, 0, pages);
    stage.ints("positions", IntStream.range(context - rows, context).toArray());
    stage.ints("row_sequence", new int[rows]);
    stage.ints("page_table", IntStream.range(0, pages).toArray());
    stage.constant("input", 4L * rows * heads * dim, 0x3C);
    stage.constant(KV, pages * kv.pageBytes(), 0x3C);
    stage.allocate("output", 4L * rows * heads * dim);
    KernelCounters counters = reader(stage.count(rows), KV);
    KernelCounters.OfMemory cache = counters.memory(KV);
    // Blocks read all of it, and each byte at most once for a row.
    assertEquals(cache.bytes(), SECTOR * cache.touchedSectors(), cache.toString());
    assertTrue(cache.touchedByBlocks() <= rows * cache.touchedSectors(), cache.toString());
    assertEquals(cache.loads().idealSectors(), cache.loads().sectors(), cache.toString());
    assertNoConflicts(counters, KV);
    assertEquals(0, counters.localBytes());
  }

  private static void assertNoConflicts(KernelCounters counters, String memory) {
    List<OfInstruction> loop = counters.mainLoop(i -> i.memory().equals(memory));
    assertFalse(loop.isEmpty(), counters.kernel());
    assertEquals(List.of(), describe(loop.stream().filter(i -> i.shared().conflicts() > 0)), counters.kernel());
  }

  private static List<String> describe(Stream<OfInstruction> instructions) {
    return instructions.map(i -> i.source() + " " + i.name() + ": " + i.global() + ", " + i.shared()).toList();
  }
}
