package dev.catena.tests.cuda;

import dev.catena.codegen.CodeStore;
import dev.catena.codegen.Launch;
import dev.catena.codegen.cuda.CudaLibrary;
import dev.catena.codegen.cuda.CudaProgram;
import dev.catena.codegen.cuda.CudaSource;
import dev.catena.codegen.cuda.CudaStage;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.KernelLaunch;
import dev.catena.codegen.cuda.NvrtcCompiler;
import dev.catena.codegen.cuda.RowBucket;
import dev.catena.codegen.cuda.TunedKernels;
import dev.catena.codegen.cuda.Untried;
import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.KernelCounters;
import dev.catena.sim.machine.SimMachine;
import dev.catena.sim.machine.SimModule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A few launches as one stage, compiled by NVRTC and run by the simulator, which checks every access of every thread. A bucket's kernels are
 * compiled when it first runs: those that a test doesn't run would take most of its time.
 */
final class SimulatedStage {
  private final CudaProgram program;
  private final String ptxFamily;
  private final SimMachine machine;
  private final Map<List<String>, SimModule> modules = new HashMap<>();
  private final Map<String, Allocation> memory = new HashMap<>();

  /**
   * @param seed       of the order of lanes, warps and blocks
   * @param vocabulary of the sampling program
   */
  SimulatedStage(List<Launch> launches, int maxRows, int vocabulary, String target, long seed) {
    this(CudaProgram.of(List.of(launches), maxRows, vocabulary), CudaTarget.parse(target), seed);
  }

  /** With products of many rows by wgmma, as sm_90a gets them. */
  static SimulatedStage byWarpgroups(List<Launch> launches, int maxRows, long seed) {
    return untried(launches, maxRows, Untried.WARPGROUPS, "sm_90a", seed);
  }

  /** With kernels that may do what no GPU has run yet. */
  static SimulatedStage untried(List<Launch> launches, int maxRows, Untried untried, String target, long seed) {
    return new SimulatedStage(CudaProgram.of(List.of(launches), maxRows, 32, TunedKernels.none(), untried), CudaTarget.parse(target), seed);
  }

  private SimulatedStage(CudaProgram program, CudaTarget architecture, long seed) {
    this.program = program;
    ptxFamily = program.ptxFamily(architecture);
    machine = new SimMachine(SimMachine.Settings.defaults().withSeed(seed).withArchitecture(architecture.capability()));
    CudaStage stage = program.stages().get(0);
    allocate("arena", Math.max(1, stage.arenaBytes()));
    allocate("scratch", Math.max(1, stage.scratchBytes()));
    ints("counters", new int[CudaProgram.COUNTERS]);
  }

  private SimModule module(RowBucket bucket) {
    return modules.computeIfAbsent(bucket.launches().stream().map(KernelLaunch::kernel).distinct().sorted().toList(), this::compile);
  }

  private SimModule compile(List<String> kernels) {
    StringBuilder source = new StringBuilder();
    for (String part : program.source().split("(?=/\\* [^\n]* \\*/\nextern \"C\" __global__)")) {
      if (!part.contains("extern \"C\" __global__") || kernels.stream().anyMatch(name -> part.contains(" " + name + "(\n"))) {
        source.append(part);
      }
    }
    try {
      byte[] ptx = CudaLibrary.ptx(new CudaSource(source.toString(), kernels, List.of()), ptxFamily, new NvrtcCompiler(CodeStore.none()));
      return machine.load(new String(ptx, StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Read-only memory that holds one byte everywhere. */
  void constant(String name, long bytes, int value) {
    memory.put(name, machine.allocateReadOnly(name, bytes, (offset, into, length) -> Arrays.fill(into, 0, length, (byte) value)));
  }

  /** Memory that nobody has written; replaces what had the name. */
  Allocation allocate(String name, long bytes) {
    Allocation allocation = machine.allocate(name, bytes);
    memory.put(name, allocation);
    return allocation;
  }

  void ints(String name, int... values) {
    allocate(name, 4L * Math.max(1, values.length)).writeInts(0, values);
  }

  void floats(String name, float... values) {
    allocate(name, 4L * values.length).writeFloats(0, values);
  }

  void bytes(String name, byte[] values) {
    allocate(name, values.length).write(0, ByteBuffer.wrap(values), values.length);
  }

  /** Runs the stage's bucket for so many rows. @return how many launches that took */
  int run(int rows) {
    return run(program.stages().get(0).buckets(), rows);
  }

  void sample(int rows) {
    run(program.sampling(), rows);
  }

  /** Runs the stage's bucket for so many rows in lockstep. @return what each launch did */
  List<KernelCounters> count(int rows) {
    List<KernelCounters> counters = new ArrayList<>();
    RowBucket bucket = bucket(program.stages().get(0).buckets(), rows);
    SimModule module = module(bucket);
    for (KernelLaunch launch : bucket.launches()) {
      long[] pointers = launch.arguments().stream().mapToLong(this::address).toArray();
      counters.add(machine.count(module.kernel(launch.kernel()), ints(launch.grid()), ints(launch.block()), launch.sharedBytes(),
          null, Long.MAX_VALUE, pointers));
    }
    return counters;
  }

  private static RowBucket bucket(List<RowBucket> buckets, int rows) {
    return buckets.stream().filter(b -> b.rows() >= rows).findFirst().orElseThrow();
  }

  private int run(List<RowBucket> buckets, int rows) {
    RowBucket bucket = bucket(buckets, rows);
    SimModule module = module(bucket);
    for (KernelLaunch launch : bucket.launches()) {
      long[] pointers = launch.arguments().stream().mapToLong(this::address).toArray();
      machine.launch(module.kernel(launch.kernel()), ints(launch.grid()), ints(launch.block()), launch.sharedBytes(),
          pointers);
    }
    return bucket.launches().size();
  }

  private long address(String argument) {
    String[] parts = argument.split("\\+");
    Allocation allocation = memory.get(parts[0]);
    if (allocation == null) {
      throw new IllegalStateException("a kernel reads " + argument + ", which the test doesn't have");
    }
    return allocation.address() + (parts.length == 1 ? 0 : Long.parseLong(parts[1]));
  }

  float[] floats(String name, int count) {
    return memory.get(name).readFloats(0, count);
  }

  byte[] readBytes(String name, int count) {
    byte[] bytes = new byte[count];
    memory.get(name).read(0, ByteBuffer.wrap(bytes), count);
    return bytes;
  }

  int[] readInts(String name, int count) {
    return memory.get(name).readInts(0, count);
  }

  private static int[] ints(List<Integer> list) {
    return list.stream().mapToInt(Integer::intValue).toArray();
  }
}
