package dev.catena.tools;

import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import dev.catena.codegen.cuda.CudaLibrary;
import dev.catena.codegen.cuda.CudaProgram;
import dev.catena.codegen.cuda.CudaStage;
import dev.catena.codegen.cuda.KernelLaunch;
import dev.catena.codegen.cuda.RowBucket;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Kernels for one GPU architecture, and the lists by which they are launched.
 *
 * @param ptx      the same kernels as PTX of the target's family, which other targets may share
 * @param ptxEntry where that goes
 */
record CudaCode(CudaProgram program, CudaLibrary library, byte[] ptx, String ptxEntry) implements TargetCode {
  @Override
  public Manifest.Target manifest() {
    Map<String, KernelProgram> programs = new LinkedHashMap<>();
    for (CudaStage stage : program.stages()) {
      programs.computeIfAbsent(stage.name(), name -> program(stage.buckets()));
    }
    programs.put(KernelProgram.SAMPLING, program(program.sampling()));
    List<KernelProgram.Kernel> kernels = library.kernels().stream().map(k -> new KernelProgram.Kernel(k.name(),
        k.registers(), k.sharedBytes(), k.spillBytes())).toList();
    List<String> features = program.dependentLaunches() && library.target().overlapsLaunches() ? List.of(Manifest.Target.DEPENDENT_LAUNCHES)
        : List.of();
    return new Manifest.Target(library.target().name(), features, entry("cubin"), 0, ptxEntry, programs, kernels);
  }

  private static KernelProgram program(List<RowBucket> buckets) {
    return new KernelProgram(buckets.stream().map(CudaCode::bucket).toList());
  }

  private static KernelProgram.Bucket bucket(RowBucket bucket) {
    return new KernelProgram.Bucket(bucket.rows(), bucket.launches().stream().map(CudaCode::launch).toList());
  }

  private static KernelProgram.Launch launch(KernelLaunch l) {
    return new KernelProgram.Launch(l.kernel(), l.grid(), l.block(), l.sharedBytes(), l.arguments());
  }

  @Override
  public Manifest.Code codeOf(int stage) {
    CudaStage s = program.stages().get(stage);
    return new Manifest.Code(s.name(), s.arenaBytes(), s.scratchBytes());
  }

  @Override
  public Map<String, byte[]> entries() {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put(entry("cubin"), library.cubin());
    entries.put(entry("cu"), program.source().getBytes(StandardCharsets.UTF_8));
    entries.put(ptxEntry, ptx);
    return entries;
  }

  private String entry(String suffix) {
    return "code/" + library.target().name() + "/model." + suffix;
  }
}
