package dev.catena.tools;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.GraphDescription;
import dev.catena.artifact.GraphProgram;
import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import dev.catena.ir.Module;
import dev.catena.tools.page.ModelPage;
import dev.catena.tools.page.ModelPage.Fact;
import dev.catena.tools.page.Step;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What {@code inspect} says about an artifact that is a graph of tensors. */
final class GraphInspection implements Inspection {
  private final ArtifactReader reader;
  private final ArtifactIr ir;
  private final Manifest manifest;
  private final GraphDescription graph;

  GraphInspection(ArtifactReader reader) {
    this.reader = reader;
    this.ir = new ArtifactIr(reader);
    this.manifest = reader.manifest();
    this.graph = reader.graph();
  }

  /** Tensors in and out, a line each. */
  static String ports(GraphDescription graph) {
    TextTable table = new TextTable("tensor", "", "type");
    graph.inputs().forEach(port -> table.row("in", port.name(), port.text()));
    graph.outputs().forEach(port -> table.row("out", port.name(), port.text()));
    return table.text();
  }

  @Override
  public String summary() {
    StringBuilder s = new StringBuilder(ports(graph)).append('\n');
    manifest.settings().forEach((name, value) -> s.append(name).append(" = ").append(value).append('\n'));
    s.append("format      ").append(manifest.format()).append(", written by Catena ").append(manifest.compiler()).append('\n');
    manifest.targets().forEach(t -> s.append("target      ").append(t.name()).append(t.runsPrograms() ? " (" + t.kernels().size() + " kernels)\n"
        : " (" + String.join(", ", t.features()) + ")\n"));
    s.append("passes      ").append(String.join(", ", ir.passes())).append('\n');
    s.append("weights     ").append(graph.weights().size()).append(", ").append(Bytes.text(manifest.memory().weightsBytes()))
        .append("\n\n");
    return s.append(OperationCounts.text("operation", manifest.operations())).toString();
  }

  @Override
  public String ir(String pass) {
    return ir.text(pass);
  }

  @Override
  public Module module(String pass) {
    return ir.module(pass);
  }

  @Override
  public String kernels(PredictionOptions prediction) {
    StringBuilder s = new StringBuilder();
    for (Manifest.Target target : manifest.targets()) {
      if (target.runsPrograms()) {
        s.append("/* target ").append(target.name()).append(": ").append(program().launches().size()).append(" launches of ")
            .append(target.kernels().size()).append(" kernels\n").append(kernelTable(target).replaceAll("(?m)^", "   ").stripTrailing())
            .append(" */\n");
      } else {
        s.append("// target ").append(target.name()).append(": ").append(graph.symbols().get(target.name())).append('\n');
      }
      s.append(source(target));
    }
    return s.toString();
  }

  private GraphProgram program() {
    return reader.graphProgram();
  }

  /** How often each kernel is launched, by how many elements; those that only a run knows are said so. */
  private String kernelTable(Manifest.Target target) {
    TextTable table = new TextTable("kernel", "registers", "shared", "spills", "launches", "elements");
    for (KernelProgram.Kernel k : target.kernels()) {
      List<GraphProgram.Launch> launches = program().launches().stream().filter(l -> l.kernel().equals(k.name())).toList();
      table.row(k.name(), k.registers(), k.sharedBytes(), k.spillBytes(), launches.size(), launches.stream()
          .map(l -> l.elements() == 0 ? "?" : Long.toString(l.elements())).distinct().collect(Collectors.joining(", ")));
    }
    return table.text();
  }

  private List<KernelFacts> kernelFacts() {
    return manifest.targets().stream().flatMap(target -> target.kernels().stream().map(k -> new KernelFacts(k.name(), target.name(),
        List.of("graph"), k.registers(), k.sharedBytes(), k.spillBytes(), List.of()))).toList();
  }

  private String source(Manifest.Target target) {
    String entry = "code/" + target.name() + (target.runsPrograms() ? "/model.cu" : "/model.c");
    return reader.contains(entry) ? new String(reader.bytes(entry), StandardCharsets.UTF_8) : "// no source in this artifact\n";
  }

  @Override
  public String memory() {
    return "weights     " + Bytes.text(manifest.memory().weightsBytes()) + "\ntensors     as many bytes as a run's shapes ask for\n";
  }

  @Override
  public String verified() {
    long bytes = manifest.entries().values().stream().mapToLong(Manifest.Entry::bytes).sum();
    return "verified    " + manifest.entries().size() + " entries, " + Bytes.text(bytes) + ": all as written\n";
  }

  @Override
  public Map<String, Object> json(String pass, PredictionOptions prediction) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("format", manifest.format());
    json.put("compiler", manifest.compiler());
    json.put("model", null);
    json.put("settings", manifest.settings());
    json.put("targets", manifest.targets().stream().map(t -> Map.of("name", t.name(), "features", t.features())).toList());
    json.put("passes", ir.passes());
    json.put("inputs", ports(graph.inputs()));
    json.put("outputs", ports(graph.outputs()));
    json.put("stages", List.of());
    json.put("operations", manifest.operations());
    json.put("kernels", kernelFacts().stream().map(KernelFacts::json).toList());
    json.put("weights_bytes", manifest.memory().weightsBytes());
    if (pass != null) {
      json.put("ir", ir(pass));
    }
    if (prediction != null) {
      Map<String, Object> sources = new LinkedHashMap<>();
      manifest.targets().forEach(t -> sources.put(t.name(), source(t)));
      json.put("sources", sources);
    }
    return json;
  }

  private static List<Map<String, Object>> ports(List<GraphDescription.Port> ports) {
    List<Map<String, Object>> list = new ArrayList<>();
    for (GraphDescription.Port port : ports) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("name", port.name());
      json.put("type", port.type());
      json.put("dims", port.dims());
      list.add(json);
    }
    return list;
  }

  @Override
  public ModelPage page() {
    List<Step> steps = ir.steps();
    List<ModelPage.Source> sources = manifest.targets().stream()
        .map(t -> new ModelPage.Source(t.name(), t.runsPrograms() ? "model.cu" : "model.c", source(t).lines().toList())).toList();
    List<Fact> facts = new ArrayList<>();
    graph.inputs().forEach(port -> facts.add(new Fact("in: " + port.name(), port.text())));
    graph.outputs().forEach(port -> facts.add(new Fact("out: " + port.name(), port.text())));
    return new ModelPage(String.valueOf(reader.path().getFileName()), "artifact")
        .headline(List.of(new Fact("of weights", Bytes.text(manifest.memory().weightsBytes()))))
        .facts(facts)
        .settings(manifest.settings().entrySet().stream().map(e -> new Fact(e.getKey(), e.getValue())).toList())
        .kernels(kernelFacts().stream().map(KernelFacts::json).toList(), sources)
        .weights(graph.weights().stream().map(w -> new ModelPage.StoredWeight("graph", w.name(), w.type(), w.bytes(), w.layout())).toList())
        .steps(steps);
  }

  @Override
  public void close() {
    reader.close();
  }
}
