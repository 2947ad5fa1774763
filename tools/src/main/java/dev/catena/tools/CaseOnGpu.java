package dev.catena.tools;

import dev.catena.artifact.KernelProgram;
import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.cuda.CudaProgram;
import dev.catena.runtime.gpu.Gpu;
import dev.catena.runtime.gpu.GpuMemory;
import dev.catena.runtime.gpu.KernelLaunch;
import dev.catena.runtime.gpu.PinnedMemory;
import dev.catena.runtime.gpu.Region;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * A case of a tune pack on a GPU: its operands, its code, and what its candidates compute and take. Weights are there several
 * times, so that no cache holds what a launch reads.
 */
final class CaseOnGpu implements AutoCloseable {
  /** Several times any card's cache. */
  private static final long WEIGHTS_BYTES = 512L << 20;
  private static final int MOST_COPIES = 64;
  private static final int PIECE = 4 << 20;
  private static final long WARM_UP_NANOS = 100_000_000;
  private static final int STEP = 0, INPUT = 1, ARENA = 2, SCRATCH = 3, OUTPUT = 4, NORM = 5, BIAS = 6, COUNTERS = 7, FIRST_MATRIX = 8;

  private final TunePack.Case of;
  private final LinearReference reference;
  private final Gpu gpu;
  private final boolean counts;
  private final int copies;
  private final long matrixBytes;
  private final GpuMemory memory;
  private final PinnedMemory pinned;
  private final long stream;
  private final long code;
  private double[][] expected;

  CaseOnGpu(TunePack.Case of, TunePack pack, Gpu gpu) {
    this.of = of;
    this.gpu = gpu;
    counts = gpu.laneInstructions() >= 0;
    reference = new LinearReference(of);
    byte[] blocks = reference.packedBlocks();
    matrixBytes = new MatrixLayout(of.matrix().type()).bytes();
    copies = counts ? 1 : copies(matrixBytes);
    List<Region> regions = new ArrayList<>(List.of(region("step", 16), region("input", 4L * reference.x.length), region("arena", of.arenaBytes()),
        region("scratch", of.scratchBytes()), region("output", 4L * of.rows() * of.width()), region("norm", 4L * reference.norm.length),
        region("bias", 4L * reference.bias.length), region("counters", 4L * CudaProgram.COUNTERS)));
    for (int i = 0; i < copies; i++) {
      regions.add(region("matrix", matrixBytes));
    }
    code = gpu.load(counts ? pack.code().get(of.ptx()) : pack.code().get(of.cubin()), of.kernel());
    stream = gpu.newStream();
    pinned = gpu.pin(PIECE);
    memory = gpu.allocate(regions);
    upload(memory.address(STEP), bytes(of.rows(), 1, of.rows(), 1));
    gpu.zero(stream, memory.address(COUNTERS), 4L * CudaProgram.COUNTERS);
    upload(memory.address(INPUT), bytes(reference.x));
    upload(memory.address(NORM), bytes(reference.norm));
    upload(memory.address(BIAS), bytes(reference.bias));
    if (of.residualAt() >= 0) {
      upload(memory.address(ARENA) + of.residualAt(), bytes(reference.residual));
    }
    upload(memory.address(FIRST_MATRIX), blocks);
    for (long done = blocks.length; done < matrixBytes; done += blocks.length) {
      gpu.copy(stream, memory.address(FIRST_MATRIX) + done, memory.address(FIRST_MATRIX), Math.min(blocks.length, matrixBytes - done));
    }
    for (int i = 1; i < copies; i++) {
      gpu.copy(stream, memory.address(FIRST_MATRIX + i), memory.address(FIRST_MATRIX), matrixBytes);
    }
    gpu.synchronize(stream);
  }

  private static int copies(long matrixBytes) {
    return (int) Math.max(2, Math.min(MOST_COPIES, WEIGHTS_BYTES / matrixBytes + 1));
  }

  /** How long a case keeps a card busy where its candidates take so many seconds a launch: to warm up, to check, and to measure. */
  static double reckonedSeconds(TunePack.Case of, List<Double> launchSeconds) {
    double rounds = 0;
    List<Double> left = launchSeconds.stream().sorted().toList();
    for (int round = 0;; round++) {
      int runs = 1 + Tuner.repetitions(round);
      rounds += left.stream().mapToDouble(seconds -> seconds * runs).sum();
      if (left.size() <= 1) {
        break;
      }
      left = left.subList(0, (left.size() + 1) / 2);
    }
    return WARM_UP_NANOS / 1e9 + copies(new MatrixLayout(of.matrix().type()).bytes()) * rounds;
  }

  private static Region region(String name, long bytes) {
    return new Region(name, Math.max(16, bytes), false);
  }

  private static byte[] bytes(int... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(values);
    return bytes.array();
  }

  private static byte[] bytes(float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  private void upload(long to, byte[] from) {
    for (int done = 0; done < from.length; done += PIECE) {
      int part = Math.min(PIECE, from.length - done);
      pinned.bytes().put(0, from, done, part);
      gpu.copyIn(stream, to + done, pinned, 0, part);
      gpu.synchronize(stream);
    }
  }

  private List<KernelLaunch> launches(TunePack.Candidate candidate, int copy) {
    List<KernelLaunch> launches = new ArrayList<>();
    for (KernelProgram.Launch launch : candidate.launches()) {
      launches.add(new KernelLaunch(launch.kernel(), gpu.kernel(code, launch.kernel(), launch.shared()), ints(launch.grid()), ints(launch.block()),
          launch.shared(), launch.args().stream().mapToLong(argument -> address(argument, copy)).toArray(), new long[0]));
    }
    return launches;
  }

  private long address(String argument, int copy) {
    long offset = Long.parseLong("0" + argument.replaceAll("\\D", ""));
    return switch (argument.replaceAll("[+:].*", "")) {
      case "step" -> memory.address(STEP);
      case "input" -> memory.address(INPUT);
      case "output" -> memory.address(OUTPUT);
      case "arena" -> memory.address(ARENA) + offset;
      case "scratch" -> memory.address(SCRATCH) + offset;
      case "counters" -> memory.address(COUNTERS);
      default -> memory.address(offset == 0 ? FIRST_MATRIX + copy : offset == 1 ? NORM : BIAS);
    };
  }

  private static int[] ints(List<Integer> values) {
    return values.stream().mapToInt(Integer::intValue).toArray();
  }

  /** The largest difference from what is right, over the largest right number; infinite where a result is none. */
  double error(TunePack.Candidate candidate) {
    gpu.zero(stream, memory.address(OUTPUT), 4L * of.rows() * of.width());
    launches(candidate, 0).forEach(launch -> gpu.launch(stream, launch));
    gpu.synchronize(stream);
    int[] rows = reference.judgedRows();
    if (expected == null) {
      expected = new double[rows.length][];
      for (int i = 0; i < rows.length; i++) {
        expected[i] = reference.expected(rows[i]);
      }
    }
    double largest = 1e-30;
    double apart = 0;
    for (int i = 0; i < rows.length; i++) {
      for (int first = 0; first < of.width(); first += PIECE / 4) {
        int count = Math.min(PIECE / 4, of.width() - first);
        gpu.copyOut(stream, pinned, 0, memory.address(OUTPUT) + 4L * ((long) rows[i] * of.width() + first), 4L * count);
        gpu.synchronize(stream);
        for (int n = 0; n < count; n++) {
          double value = pinned.bytes().getFloat(4 * n);
          largest = Math.max(largest, Math.abs(expected[i][first + n]));
          apart = Double.isFinite(value) ? Math.max(apart, Math.abs(value - expected[i][first + n])) : Double.POSITIVE_INFINITY;
        }
      }
    }
    return apart / largest;
  }

  /** What one launch costs: seconds, the mean of {@code repetitions} rounds over all copies of the weights; or instructions. */
  double cost(TunePack.Candidate candidate, int repetitions) {
    List<KernelLaunch> all = new ArrayList<>();
    for (int copy = 0; copy < copies; copy++) {
      all.addAll(launches(candidate, copy));
    }
    long graph = gpu.instantiate(all, false);
    try {
      if (counts) {
        long before = gpu.laneInstructions();
        gpu.launchGraph(stream, graph);
        gpu.synchronize(stream);
        return gpu.laneInstructions() - before;
      }
      gpu.launchGraph(stream, graph);     // warms up
      gpu.synchronize(stream);
      long start = System.nanoTime();
      for (int i = 0; i < repetitions; i++) {
        gpu.launchGraph(stream, graph);
      }
      gpu.synchronize(stream);
      return (System.nanoTime() - start) / 1e9 / repetitions / copies;
    } finally {
      gpu.closeGraph(graph);
    }
  }

  /** Keeps the card busy until its clocks are those of work. */
  void warmUp(TunePack.Candidate candidate) {
    if (!counts) {
      for (long end = System.nanoTime() + WARM_UP_NANOS; System.nanoTime() < end;) {
        cost(candidate, 1);
      }
    }
  }

  @Override
  public void close() {
    memory.close();
    pinned.close();
    gpu.closeStream(stream);
    gpu.unload(code);
  }
}
