package dev.catena.tools;

import dev.catena.codegen.CodeStore;
import dev.catena.codegen.cuda.CompileError;
import dev.catena.codegen.cuda.CudaGraph;
import dev.catena.codegen.cuda.CudaLibrary;
import dev.catena.codegen.cuda.CudaSource;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.NvrtcCompiler;
import dev.catena.runtime.Devices;
import dev.catena.runtime.LoadedGraph;
import dev.catena.runtime.gpu.Gpu;
import dev.catena.runtime.gpu.GpuGraph;
import java.io.IOException;
import java.util.List;

/** Cases as CUDA kernels on a simulated GPU: the PTX that a GPU's driver would take, every access checked. */
record SimConformance(CudaTarget target) implements ConformanceTarget {
  /** The simulator takes some seconds for as many. */
  private static final double MOST_WORK = 4e6;

  /** NVRTC takes 30 ms for a program, and 7 ms for a kernel. */
  @Override
  public int casesAtOnce() {
    return 12;
  }

  @Override
  public String skips(ConformanceCase prepared) {
    double work = prepared.work();
    return work > MOST_WORK ? "more than %.0f million steps of estimated work, too much for sim".formatted(MOST_WORK / 1e6) : null;
  }

  @Override
  public Code build(List<ConformanceCase> cases) throws IOException {
    List<CudaGraph> graphs = cases.stream().map(c -> CudaGraph.of(c.program())).toList();
    byte[] ptx;
    try {
      ptx = CudaLibrary.ptx(CudaSource.of(graphs), target.ptxFamily(), new NvrtcCompiler(CodeStore.none()));
    } catch (CompileError e) {
      throw new IllegalStateException(e.firstLine(), e);
    }
    return new Code() {
      private Gpu gpu;
      private long code;

      /** What one does wrong isn't the next one's fault: a GPU that has stopped with an error is no more use. */
      @Override
      public LoadedGraph graph(int which) {
        if (which > 0 && cases.get(which - 1).failure() != null) {
          close();
        }
        if (gpu == null) {
          gpu = Devices.gpus("sim:0").open(0, target.name(), 1);
          code = gpu.load(ptx, "cases");
        }
        ConformanceCase c = cases.get(which);
        return GpuGraph.of(c.description(), GraphCode.program(graphs.get(which)), gpu, code, c.weights());
      }

      @Override
      public void close() {
        if (gpu != null) {
          gpu.unload(code);
          gpu.close();
          gpu = null;
        }
      }
    };
  }
}
