package dev.catena.tools;

import dev.catena.codegen.cuda.CodeStore;
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
  @Override
  public int casesAtOnce() {
    return 8;
  }

  @Override
  public String skips(ConformanceCase prepared) {
    return null;
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

      /** A GPU for each: what one does wrong isn't the next one's fault. */
      @Override
      public LoadedGraph graph(int which) {
        close();
        gpu = Devices.gpus("sim:0").open(0, target.name(), 1);
        code = gpu.load(ptx, "cases");
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
