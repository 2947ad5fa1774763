package dev.catena.tools;

import dev.catena.codegen.DefaultActivations;
import dev.catena.codegen.Launch;
import dev.catena.codegen.StageLaunches;
import dev.catena.codegen.Target;
import dev.catena.codegen.cpu.CpuLibrary;
import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.codegen.cuda.CudaProgram;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.TunedKernels;
import dev.catena.codegen.cuda.Untried;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;

/** From the launches of all stages to code for each target, several targets at a time. */
final class CodeGeneration {
  private final List<List<Launch>> onCpu;
  private final List<List<Launch>> onGpu;
  private final int maxRows;
  private final int vocabulary;
  private final Map<Target, TunedKernels> tuned;
  private final Optional<String> card;
  private final boolean experimental;

  /**
   * @param defaultActivations whether linear layers multiply in what their target does by default, where the stages say f32
   * @param tuned        what kernels were tuned to, for targets that have such a table
   * @param card         that GPU code is for, as its driver names it
   * @param experimental whether GPU code may do what no GPU has run yet
   */
  CodeGeneration(List<StageLaunches> stages, boolean defaultActivations, Map<Target, TunedKernels> tuned, Optional<String> card, boolean experimental) {
    this.tuned = tuned;
    this.card = card;
    this.experimental = experimental;
    List<List<Launch>> launches = stages.stream().map(StageLaunches::launches).toList();
    this.onCpu = defaultActivations ? DefaultActivations.onCpu(launches) : launches;
    this.onGpu = defaultActivations ? DefaultActivations.onGpu(launches) : launches;
    this.maxRows = stages.get(0).maxRows();
    this.vocabulary = stages.get(stages.size() - 1).outputWidth();
  }

  /** Code for the targets, in their order. */
  List<TargetCode> of(List<Target> targets) throws IOException {
    String names = targets.stream().map(Target::name).collect(Collectors.joining(", "));
    ExecutorService workers = Executors.newFixedThreadPool(Math.min(targets.size(), Runtime.getRuntime().availableProcessors()));
    try (Console.Progress progress = Console.progress("generating code for " + names, targets.size(), "", 1)) {
      GpuPrograms gpus = new GpuPrograms(workers);
      List<Future<? extends TargetCode>> started = new ArrayList<>();
      for (Target target : targets) {
        started.add(target instanceof CpuTarget cpu ? workers.submit(() -> new CpuCode(CpuLibrary.build(onCpu, cpu, CachedFiles.store("cpu"))))
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

  /**
   * Targets that no table tunes, and whose cards need no columns split, share a program and its PTX. What is made for a card has a program of its own,
   * and PTX, since launches depend on it; so has what no GPU has run yet.
   */
  private final class GpuPrograms {
    private final ExecutorService workers;
    private final Map<Map.Entry<TunedKernels, Untried>, CudaProgram> programs = new HashMap<>();
    private final Map<String, CudaCompilation> compilations = new HashMap<>();

    GpuPrograms(ExecutorService workers) {
      this.workers = workers;
    }

    Future<CudaCode> start(CudaTarget target) {
      Untried untried = experimental ? Untried.of(target) : Untried.NOTHING;
      TunedKernels measured = tuned.getOrDefault(target, TunedKernels.none()).fitting(target);
      CudaProgram program = program(PredictedKernels.addedTo(measured, onGpu, maxRows, target, untried.compareTo(Untried.BULK) >= 0, card), untried);
      boolean shared = program.source().equals(program(TunedKernels.none(), Untried.NOTHING).source());
      String ptxEntry = "code/" + (shared ? "" : target.name() + "/") + program.ptxFamily(target) + "/model.ptx";
      return compilations.computeIfAbsent(program.source(), source -> new CudaCompilation(program.code(), program::ptxFamily, workers))
          .start(target, (library, ptx) -> new CudaCode(program, library, ptx, ptxEntry));
    }

    private CudaProgram program(TunedKernels table, Untried untried) {
      return programs.computeIfAbsent(Map.entry(table, untried), its -> CudaProgram.of(onGpu, maxRows, vocabulary, table, untried));
    }
  }

  static <T> T result(Future<T> future) throws IOException {
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
}
