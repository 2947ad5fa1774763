package dev.catena.tools;

import dev.catena.artifact.ArtifactWriter;
import dev.catena.artifact.GraphDescription;
import dev.catena.artifact.Manifest;
import dev.catena.codegen.Target;
import dev.catena.codegen.cuda.CudaGraph;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.passes.PassContext;
import dev.catena.passes.Pipeline;
import dev.catena.tools.page.OperationTally;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Compiles a model that is no language model, whole, as one stage. */
final class GraphCompiler {
  private final CompileSettings settings;
  private final Map<String, String> dumps = new LinkedHashMap<>();

  GraphCompiler(CompileSettings settings) {
    this.settings = settings;
  }

  /** What is printed when it is done; empty where the passes were to stop early. */
  Optional<String> compile(ImportedModel imported) {
    long start = System.nanoTime();
    PassContext context = settings.watching().context("--weights '" + settings.input().toAbsolutePath() + "'");
    Pipeline pipeline = settings.watching().restrict(Pipeline.parse(settings.pipeline().orElse(PlainGraph.PIPELINE)));
    PlainGraph graph = PlainGraph.of(imported, pipeline,
        context.observe(result -> dumps.put(result.label() + ".cir", result.text())));
    settings.watching().report(context);
    if (settings.watching().stopsEarly()) {
      Console.note("stopped as --stop-after says: no artifact is written");
      return Optional.empty();
    }
    imported.warnings().forEach(Console::warn);
    Console.warn(context.warnings());
    try {
      return Optional.of(write(imported, graph, start));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String write(ImportedModel imported, PlainGraph graph, long start) throws IOException {
    List<Manifest.Target> targets = new ArrayList<>();
    Map<String, String> symbols = new LinkedHashMap<>();
    try (ArtifactWriter writer = ArtifactWriter.create(settings.output())) {
      dumps.forEach((name, text) -> writer.entry("ir/" + name, text.getBytes(StandardCharsets.UTF_8)));
      CudaGraph onGpus = settings.targets().stream().anyMatch(CudaTarget.class::isInstance) ? CudaGraph.of(graph.program()) : null;
      Map<String, byte[]> entries = new LinkedHashMap<>();
      for (GraphCode code : GraphCode.of(graph.program(), onGpus, settings.targets())) {
        entries.putAll(code.entries());
        targets.add(code.manifest());
        if (code.symbol() != null) {
          symbols.put(code.manifest().name(), code.symbol());
        }
      }
      entries.forEach(writer::entry);
      if (onGpus != null) {
        writer.graphProgram(GraphCode.program(onGpus));
      }
      List<Manifest.Weight> weights = GraphWeights.write(graph.program(), writer);
      GraphDescription description = graph.description(symbols, weights);
      writer.graph(description);
      long weightBytes = weights.stream().mapToLong(Manifest.Weight::bytes).sum();
      Map<String, Integer> operations = new TreeMap<>();
      OperationTally.add(graph.stage(), operations);
      Map<String, String> described = Map.of("target", String.join(",", settings.targets().stream().map(Target::name).toList()));
      writer.commit(new Manifest(Manifest.FORMAT, Version.COMPILER, null, described, targets, List.of(),
          new Manifest.Memory(1, weightBytes, 0, 0, weightBytes), operations, Map.of()));
      return GraphInspection.ports(description) + "%n%s: %d operations, %s of weights, %s, in %.1f s%n".formatted(settings.output(),
          operations.values().stream().mapToInt(Integer::intValue).sum(), Bytes.text(weightBytes),
          Bytes.text(Files.size(settings.output())), (System.nanoTime() - start) / 1e9);
    }
  }
}
