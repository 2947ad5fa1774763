package dev.catena.tools;

import dev.catena.codegen.cuda.CompileError;
import dev.catena.codegen.cuda.CudaLibrary;
import dev.catena.codegen.cuda.CudaSource;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.NvrtcCompiler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.function.BiFunction;
import java.util.function.Function;

/** One source for all GPUs, compiled for each by workers, and to PTX once for each family. */
final class CudaCompilation {
  private final CudaSource source;
  private final Function<CudaTarget, String> family;
  private final ExecutorService workers;
  private final NvrtcCompiler compiler = NvrtcCompiler.inProcesses(CachedFiles.store("cuda"));
  private final Map<String, Future<byte[]>> ptxOfFamily = new HashMap<>();

  /** @param family of the PTX that goes along with a target's machine code */
  CudaCompilation(CudaSource source, Function<CudaTarget, String> family, ExecutorService workers) {
    this.source = source;
    this.family = family;
    this.workers = workers;
  }

  /** @param code what the target's kernels and its family's PTX become */
  <T> Future<T> start(CudaTarget target, BiFunction<CudaLibrary, byte[], T> code) {
    // Before what waits for it: a worker never waits for a task that isn't with a worker yet.
    Future<byte[]> ptx = ptxOfFamily.computeIfAbsent(family.apply(target),
        its -> workers.submit(() -> reporting(() -> CudaLibrary.ptx(source, its, compiler))));
    return workers.submit(() -> {
      CudaLibrary library = reporting(() -> CudaLibrary.compile(source, target, compiler));
      return code.apply(library, CodeGeneration.result(ptx));
    });
  }

  /** Our generator's mistakes are no user's: what NVRTC refuses is kept for the report. */
  private <T> T reporting(Callable<T> compilation) throws Exception {
    try {
      return compilation.call();
    } catch (CompileError e) {
      Path refused = Files.createTempFile("catena-refused-", ".cu");
      Files.writeString(refused, source.text());
      throw new IllegalStateException("generated code does not compile: " + e.firstLine() + "; the source is kept as " + refused, e);
    }
  }
}
