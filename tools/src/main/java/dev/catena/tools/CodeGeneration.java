package dev.catena.tools;

import dev.catena.artifact.CacheFolder;
import dev.catena.codegen.Launch;
import dev.catena.codegen.StageLaunches;
import dev.catena.codegen.Target;
import dev.catena.codegen.cpu.CpuLibrary;
import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.codegen.cuda.CodeStore;
import dev.catena.codegen.cuda.CompileError;
import dev.catena.codegen.cuda.CudaLibrary;
import dev.catena.codegen.cuda.CudaProgram;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.NvrtcCompiler;
import dev.catena.codegen.cuda.TunedKernels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;

/** From the launches of all stages to code for each target, several targets at a time. */
final class CodeGeneration {
  private final List<List<Launch>> stages;
  private final int maxRows;
  private final int vocabulary;
  private final Map<Target, TunedKernels> tuned;

  /** @param tuned what kernels were tuned to, for targets that have such a table */
  CodeGeneration(List<StageLaunches> stages, Map<Target, TunedKernels> tuned) {
    this.tuned = tuned;
    this.stages = stages.stream().map(StageLaunches::launches).toList();
    this.maxRows = stages.get(0).maxRows();
    this.vocabulary = stages.get(stages.size() - 1).outputWidth();
  }

  /** Code for the targets, in their order. */
  List<TargetCode> of(List<Target> targets) throws IOException {
    String names = targets.stream().map(Target::name).collect(Collectors.joining(", "));
    ExecutorService workers = Executors.newFixedThreadPool(Math.min(targets.size(), Runtime.getRuntime().availableProcessors()));
    try (Console.Progress progress = Console.progress("generating code for " + names, targets.size(), "", 1)) {
      GpuTargets gpus = targets.stream().anyMatch(CudaTarget.class::isInstance) ? new GpuTargets(workers) : null;
      List<Future<? extends TargetCode>> started = new ArrayList<>();
      for (Target target : targets) {
        started.add(target instanceof CpuTarget cpu ? workers.submit(() -> new CpuCode(CpuLibrary.build(stages, cpu)))
            : gpus.start((CudaTarget) target));
      }
      List<TargetCode> code = new ArrayList<>();
      for (Future<? extends TargetCode> each : started) {
        code.add(result(each));
        progress.step(1);
      }
      return code;
    } finally {
      workers.shutdownNow();
    }
  }

  private static <T> T result(Future<T> future) throws IOException {
    try {
      return future.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while code was generated", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      } else if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      } else if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw new IOException("code could not be generated", e.getCause());
    }
  }

  /**
   * One source for all GPUs, compiled for each, and to PTX once for each family. What is tuned for a card has a source of its own,
   * and PTX, since launches depend on it.
   */
  private final class GpuTargets {
    private final ExecutorService workers;
    private final Map<TunedKernels, CudaProgram> programs = new HashMap<>();
    private final NvrtcCompiler compiler = new NvrtcCompiler(store());
    private final Map<String, Future<byte[]>> ptxOfFamily = new HashMap<>();

    GpuTargets(ExecutorService workers) {
      this.workers = workers;
    }

    Future<CudaCode> start(CudaTarget target) {
      TunedKernels table = tuned.getOrDefault(target, TunedKernels.none());
      CudaProgram program = programs.computeIfAbsent(table, its -> CudaProgram.of(stages, maxRows, vocabulary, its));
      boolean shared = program.source().equals(untuned().source());
      String folder = shared ? target.ptxFamily() : target.name() + "/" + target.ptxFamily();
      // Before what waits for it: a worker never waits for a task that isn't with a worker yet.
      Future<byte[]> ptx = ptxOfFamily.computeIfAbsent(folder,
          family -> workers.submit(() -> reporting(program, () -> CudaLibrary.ptx(program, target.ptxFamily(), compiler))));
      return workers.submit(() -> {
        CudaLibrary library = reporting(program, () -> CudaLibrary.compile(program, target, compiler));
        return new CudaCode(program, library, result(ptx), "code/" + folder + "/model.ptx");
      });
    }

    private CudaProgram untuned() {
      return programs.computeIfAbsent(TunedKernels.none(), none -> CudaProgram.of(stages, maxRows, vocabulary, none));
    }

    /** Our generator's mistakes are no user's: what NVRTC refuses is kept for the report. */
    private <T> T reporting(CudaProgram program, Callable<T> compilation) throws Exception {
      try {
        return compilation.call();
      } catch (CompileError e) {
        Path source = Files.createTempFile("catena-refused-", ".cu");
        Files.writeString(source, program.source());
        throw new IllegalStateException("generated code does not compile: " + e.firstLine() + "; the source is kept as " + source, e);
      }
    }
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
