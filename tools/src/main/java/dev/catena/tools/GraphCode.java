package dev.catena.tools;

import dev.catena.artifact.GraphProgram;
import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import dev.catena.codegen.Target;
import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.codegen.cpu.TensorLibrary;
import dev.catena.codegen.cuda.CudaGraph;
import dev.catena.codegen.cuda.CudaLibrary;
import dev.catena.codegen.cuda.CudaSource;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.tensor.TensorProgram;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The code of a graph of tensors for one target, as the artifact takes it.
 *
 * @param symbol  the function in a CPU's library, null for a GPU
 * @param entries by name; targets may share one
 */
record GraphCode(Manifest.Target manifest, String symbol, Map<String, byte[]> entries) {
  /** Code for the targets, in their order. */
  static List<GraphCode> of(TensorProgram program, CudaGraph graph, List<Target> targets) throws IOException {
    ExecutorService workers = Executors.newFixedThreadPool(Math.min(2 * targets.size(), Runtime.getRuntime().availableProcessors()));
    try {
      CudaCompilation gpus = graph == null ? null : new CudaCompilation(CudaSource.of(List.of(graph)), CudaTarget::ptxFamily, workers);
      List<Future<GraphCode>> started = new ArrayList<>();
      for (Target target : targets) {
        started.add(target instanceof CpuTarget cpu ? workers.submit(() -> ofCpu(TensorLibrary.build(List.of(program), cpu)))
            : gpus.start((CudaTarget) target, (library, ptx) -> ofGpu(CudaSource.of(List.of(graph)), library, ptx)));
      }
      List<GraphCode> code = new ArrayList<>();
      for (Future<GraphCode> each : started) {
        code.add(CodeGeneration.result(each));
      }
      return code;
    } finally {
      workers.shutdownNow();
    }
  }

  private static GraphCode ofCpu(TensorLibrary library) {
    String folder = "code/" + library.target().name() + "/model.";
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put(folder + "so", library.library());
    entries.put(folder + "c", library.source().getBytes(StandardCharsets.UTF_8));
    return new GraphCode(Manifest.Target.ofCpu(library.target().name(), library.target().features(), folder + "so"),
        library.symbols().get(0), entries);
  }

  private static GraphCode ofGpu(CudaSource source, CudaLibrary library, byte[] ptx) {
    String folder = "code/" + library.target().name() + "/model.";
    String ptxEntry = "code/" + library.target().ptxFamily() + "/model.ptx";
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put(folder + "cubin", library.cubin());
    entries.put(folder + "cu", source.text().getBytes(StandardCharsets.UTF_8));
    entries.put(ptxEntry, ptx);
    List<KernelProgram.Kernel> kernels = library.kernels().stream().map(k -> new KernelProgram.Kernel(k.name(),
        k.registers(), k.sharedBytes(), k.spillBytes())).toList();
    return new GraphCode(new Manifest.Target(library.target().name(), List.of(), folder + "cubin", 0, ptxEntry, Map.of(), kernels), null,
        entries);
  }

  /** What GPUs launch, as the artifact says it. */
  static GraphProgram program(CudaGraph graph) {
    return new GraphProgram(graph.slots(), graph.launches().stream().map(l -> new GraphProgram.Launch(l.kernel(), l.elements(), l.slots()))
        .toList(), graph.loops().stream().map(loop -> new GraphProgram.Loop(loop.from(), loop.to(), loop.slot())).toList());
  }
}
