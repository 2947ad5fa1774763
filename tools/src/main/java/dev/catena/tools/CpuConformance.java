package dev.catena.tools;

import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.codegen.cpu.TensorLibrary;
import dev.catena.runtime.LoadedGraph;
import dev.catena.runtime.cpu.CpuGraph;
import dev.catena.runtime.cpu.GraphLibrary;
import java.io.IOException;
import java.util.List;

/** Cases as functions of a shared library, on this machine. */
record CpuConformance(CpuTarget target) implements ConformanceTarget {
  /** Starting clang and the linker takes as long as the code of some. */
  @Override
  public int casesAtOnce() {
    return 24;
  }

  @Override
  public String skips(ConformanceCase prepared) {
    return null;
  }

  @Override
  public Code build(List<ConformanceCase> cases) throws IOException, InterruptedException {
    TensorLibrary library = TensorLibrary.build(cases.stream().map(ConformanceCase::program).toList(), target);
    GraphLibrary open = new GraphLibrary(library.library());
    return new Code() {
      @Override
      public LoadedGraph graph(int which) {
        ConformanceCase c = cases.get(which);
        return CpuGraph.of(c.description(), open, library.symbols().get(which), c.weights());
      }

      @Override
      public void close() {
        open.close();
      }
    };
  }
}
