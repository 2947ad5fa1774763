package dev.catena.tools;

import dev.catena.artifact.KernelProgram;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.KernelFacts;
import dev.catena.codegen.cuda.KernelLaunch;
import dev.catena.codegen.cuda.LinearCandidates;
import dev.catena.codegen.cuda.LinearCase;
import dev.catena.codegen.cuda.LinearConfiguration;
import dev.catena.codegen.cuda.NvrtcCompiler;
import dev.catena.codegen.MatrixLayout;
import dev.catena.runtime.DeviceException;
import dev.catena.sim.timing.Card;
import dev.catena.sim.timing.KernelWork;
import dev.catena.sim.timing.LaunchWork;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What each way to make a linear layer's kernel would take, by the simulator's model. Ways that differ only in what they leave under way
 * or in registers do the same work, so that one of each kind, number of warps and number of splits is counted.
 */
final class CandidateForecast {
  /** Registers of a thread where no compiler has said yet. */
  private static final int USUAL_REGISTERS = 128;
  private static final int REGISTERS = 65536;

  private final LinearCase of;
  private final CudaTarget target;
  /** Empty when the simulator doesn't run these kernels. */
  private final Map<Alike, List<KernelWork>> counted = new LinkedHashMap<>();

  /** Configurations that do the same work. */
  private record Alike(LinearConfiguration.Kind kind, int warps, int splits) {
    static Alike to(LinearConfiguration configuration) {
      return new Alike(configuration.kind(), configuration.warps(), configuration.splits());
    }
  }

  CandidateForecast(LinearCase of, CudaTarget target, NvrtcCompiler compiler) throws IOException {
    this.of = of;
    this.target = target;
    Map<Alike, LinearConfiguration> distinct = new LinkedHashMap<>();
    LinearConfiguration standard = of.standard();
    distinct.put(Alike.to(standard), standard);
    for (LinearConfiguration each : of.configurations(target)) {
      distinct.merge(Alike.to(each), each, (before, other) -> before.inFlight() != standard.inFlight() && other.inFlight() == standard.inFlight()
          ? other : before);
    }
    LinearCandidates candidates = LinearCandidates.of(of, List.copyOf(distinct.values()));
    String ptx = new String(candidates.ptx(target, compiler), StandardCharsets.UTF_8);
    try (LaunchWork work = new LaunchWork(target.capability(), ptx, of.rows(), memories())) {
      for (LinearCandidates.Candidate candidate : candidates.candidates()) {
        List<KernelWork> launches = new ArrayList<>();
        for (KernelLaunch launch : candidate.launches()) {
          launches.add(work.of(program(launch), new KernelProgram.Kernel(launch.kernel(), USUAL_REGISTERS, 0, 0)));
        }
        counted.put(Alike.to(candidate.configuration()), launches);
      }
    } catch (DeviceException | UnsupportedOperationException e) {
      Console.warn(of.kernel() + ": no prediction; " + e.getMessage());
      counted.clear();
    }
  }

  private Map<String, Long> memories() {
    LinearLaunch linear = of.linear();
    return Map.of("input", 4L * of.rows() * linear.type().columns(), "arena", of.arenaBytes(), "scratch", of.scratchBytes(),
        "output", 4L * of.rows() * linear.type().rows(), "weight:" + LinearCase.MATRIX, new MatrixLayout(linear.type()).bytes(),
        "weight:" + LinearCase.NORM, 4L * linear.type().columns(), "weight:" + LinearCase.BIAS, 4L * linear.type().rows());
  }

  /** A launch as packs and artifacts write it. */
  static KernelProgram.Launch program(KernelLaunch launch) {
    return new KernelProgram.Launch(launch.kernel(), launch.grid(), launch.block(), launch.sharedBytes(), launch.arguments());
  }

  /** What a candidate does, launch by launch, with what its compiler said; nothing where the simulator refused. */
  List<KernelWork> work(LinearCandidates.Candidate candidate, Map<String, KernelFacts> facts) {
    List<KernelWork> same = counted.get(Alike.to(candidate.configuration()));
    List<KernelWork> work = new ArrayList<>();
    for (int i = 0; same != null && i < same.size(); i++) {
      KernelLaunch launch = candidate.launches().get(i);
      KernelFacts needs = facts.get(launch.kernel());
      boolean product = i == same.size() - 1;
      work.add(same.get(i).by(program(launch), new KernelProgram.Kernel(launch.kernel(), needs.registers(), needs.sharedBytes(), 0),
          product ? of.bytesUnderWay(candidate.configuration()) : 0));
    }
    return work;
  }

  /** Seconds on the target's cards together, before anything is compiled: registers are what the configuration leaves. 0 where nothing is known. */
  double seconds(LinearConfiguration configuration) {
    List<KernelWork> same = counted.get(Alike.to(configuration));
    if (same == null) {
      return 0;
    }
    List<KernelWork> work = new ArrayList<>(same);
    KernelWork product = work.remove(work.size() - 1);
    int registers = configuration.resident() > 1
        ? Math.min(USUAL_REGISTERS, REGISTERS / (configuration.warps() * 32 * configuration.resident())) : USUAL_REGISTERS;
    work.add(new KernelWork(product.kernel(), product.blocks(), product.threads(), registers, product.sharedBytes(), product.busyBlocks(),
        product.slots(), product.wavefronts(), product.multiplyAdds(), product.memories(), of.bytesUnderWay(configuration)));
    return Card.of(target.capability()).stream().mapToDouble(card -> LaunchWork.seconds(work, card)).sum();
  }
}
