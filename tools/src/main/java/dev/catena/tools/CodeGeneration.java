package dev.catena.tools;

import dev.catena.artifact.CacheFolder;
import dev.catena.codegen.Launch;
import dev.catena.codegen.StageLaunches;
import dev.catena.codegen.Target;
import dev.catena.codegen.cpu.CpuLibrary;
import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.codegen.cuda.CodeStore;
import dev.catena.codegen.cuda.CudaLibrary;
import dev.catena.codegen.cuda.CudaProgram;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.NvrtcCompiler;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** From the launches of all stages to code for each target. */
final class CodeGeneration {
  private final List<List<Launch>> stages;
  private final int maxRows;
  private final int vocabulary;
  private final Map<String, byte[]> ptxOfFamily = new HashMap<>();
  private CudaProgram cudaProgram;
  private NvrtcCompiler cudaCompiler;

  CodeGeneration(List<StageLaunches> stages) {
    this.stages = stages.stream().map(StageLaunches::launches).toList();
    this.maxRows = stages.get(0).maxRows();
    this.vocabulary = stages.get(stages.size() - 1).outputWidth();
  }

  /** Code for the targets, in their order. */
  List<TargetCode> of(List<Target> targets) throws IOException {
    List<TargetCode> code = new ArrayList<>();
    for (Target target : targets) {
      try (Console.Progress progress = Console.progress("generating code for " + target.name(), 1, "", 1)) {
        code.add(of(target));
        progress.step(1);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted while code was generated", e);
      }
    }
    return code;
  }

  private TargetCode of(Target target) throws IOException, InterruptedException {
    if (target instanceof CpuTarget cpu) {
      return new CpuCode(CpuLibrary.build(stages, cpu));
    }
    return cuda((CudaTarget) target);
  }

  private CudaCode cuda(CudaTarget target) throws IOException {
    if (cudaProgram == null) {
      cudaProgram = CudaProgram.of(stages, maxRows, vocabulary);
      cudaCompiler = new NvrtcCompiler(store());
    }
    CudaLibrary library = CudaLibrary.compile(cudaProgram, target, cudaCompiler);
    byte[] ptx = ptxOfFamily.get(target.ptxFamily());
    if (ptx == null) {
      ptx = CudaLibrary.ptx(cudaProgram, target.ptxFamily(), cudaCompiler);
      ptxOfFamily.put(target.ptxFamily(), ptx);
    }
    return new CudaCode(cudaProgram, library, ptx);
  }

  /** The user's cache folder; where there can be none, nothing is kept. */
  private static CodeStore store() {
    try {
      return new CodeStore(new CachedFiles(CacheFolder.open().folder("cuda")));
    } catch (IOException e) {
      return CodeStore.none();
    }
  }
}
