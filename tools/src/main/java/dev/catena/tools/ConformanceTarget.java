package dev.catena.tools;

import dev.catena.runtime.LoadedGraph;
import java.io.IOException;
import java.util.List;

/** What cases of ONNX's backend tests are compiled for and run on. */
interface ConformanceTarget {
  /** The code of some cases, ready to run. */
  interface Code extends AutoCloseable {
    /** One of them, by its place; the caller closes it. */
    LoadedGraph graph(int which);

    @Override
    void close();
  }

  /** How many cases are worth compiling at once. */
  int casesAtOnce();

  /** Why a case is not run here, by type or feature; null where it is. */
  String skips(ConformanceCase prepared);

  /** @throws RuntimeException when code can't be made for one of them */
  Code build(List<ConformanceCase> cases) throws IOException, InterruptedException;
}
