package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.ElementType;
import dev.catena.ir.MappedFile;
import dev.catena.ir.Module;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** The way from ONNX files to a module of the {@code onnx} dialect. */
public final class OnnxImporter {
  private final OpenFiles files = new OpenFiles();
  private final Map<Stage, MappedFile> sources = new IdentityHashMap<>();
  private final Set<String> warnings = new LinkedHashSet<>();
  private final Module module;
  private final WeightPool weights;

  /** Of a file that is imported as one stage. */
  private final List<String> inputNames = new ArrayList<>();
  private final List<String> outputNames = new ArrayList<>();

  private OnnxImporter(String name) {
    module = new Module(name);
    weights = new WeightPool(module);
  }

  /**
   * Imports a model: a folder of {@code .onnx} files, one per stage, or a whole model in one file (or alone in a folder),
   * which is cut into the same stages.
   *
   * @return the module with stages {@code embed}, {@code decoder_0} …, {@code norm}, {@code head}; each has the
   *     attributes {@code role} and {@code source}, and the names of its arguments and outputs by what they are for:
   *     {@code arg.ids} and {@code out.hidden} of embed, {@code arg.hidden} and {@code out.hidden} of norm,
   *     {@code arg.hidden} and {@code out.logits} of head, and of a decoder {@code arg.hidden}, {@code arg.mask},
   *     {@code arg.positions} (these two only where it takes them), {@code arg.past_key}, {@code arg.past_value} (not in a
   *     model that was exported without a cache, whose embed and decoders have {@code past = "none"}),
   *     {@code out.hidden}, {@code out.present_key}, {@code out.present_value}; arguments and outputs stand in this order
   * @throws OnnxException what can't be imported, in one line
   */
  public static ImportedModel importModel(Path fileOrDirectory) {
    Path path = fileOrDirectory.toAbsolutePath().normalize();
    if (!Files.exists(path)) {
      throw new OnnxException(fileOrDirectory + ": no such file or folder");
    }
    OnnxImporter importer = new OnnxImporter(moduleName(path));
    return importer.guarded(() -> importer.pieces(path));
  }

  /**
   * Imports one file as one stage, whatever its role, with inputs and outputs in the file's order.
   *
   * @throws OnnxException what can't be imported, in one line
   */
  public static ImportedModel importStage(Path file) {
    return importStage(file, false);
  }

  /**
   * Likewise, for a file that is to be run as it stands: one symbol in two dimensions of an input isn't taken for one size.
   *
   * @throws OnnxException what can't be imported, in one line
   */
  public static ImportedModel importGraph(Path file) {
    return importStage(file, true);
  }

  private static ImportedModel importStage(Path file, boolean distrustful) {
    Path path = file.toAbsolutePath().normalize();
    OnnxImporter importer = new OnnxImporter(moduleName(path));
    return importer.guarded(() -> {
      OnnxGraph read = importer.read(path);
      if (distrustful) {
        StepEstimate.require(read);
      }
      // Elsewhere what a file computes is computed, quantized activations included.
      OnnxGraph graph = DecoderInterface.fits(read) ? DynamicQuantization.joined(read) : read;
      GraphImporter g = new GraphImporter(graph, moduleName(path), path, importer.files, importer.weights);
      if (distrustful) {
        g.distrustRepeatedSymbols();
      }
      graph.inputs().forEach(input -> importer.inputNames.add(input.name()));
      graph.outputs().forEach(output -> importer.outputNames.add(output.name()));
      Stage stage = g.run(graph.inputs(), graph.outputs());
      stage.setAttribute("source", new Attribute.Text(graph.fileName()));
      if (DecoderInterface.fits(graph)) {
        decoderRoles(stage, graph, g);
      }
      importer.add(stage, graph);
    });
  }

  /** A file that is a decoder by its interface says so; what only looks like one stays a stage without a role. */
  private static void decoderRoles(Stage stage, OnnxGraph graph, GraphImporter g) {
    try {
      DecoderInterface d = DecoderInterface.of(graph);
      setRoles(stage, g, d.inputs(), d.outputs());
      stage.setAttribute("role", new Attribute.Text(Pieces.Role.DECODER.text()));
    } catch (OnnxException e) {
      return;
    }
  }

  private static void setRoles(Stage stage, GraphImporter g, Map<String, OnnxGraph.ValueInfo> inputs,
      Map<String, OnnxGraph.ValueInfo> outputs) {
    inputs.forEach((role, input) -> stage.setAttribute("arg." + role, new Attribute.Text(g.argumentName(input.name()))));
    outputs.forEach((role, output) -> stage.setAttribute("out." + role, new Attribute.Text(NameHints.plain(output.name()))));
  }

  private static String moduleName(Path path) {
    String name = path.getFileName() == null ? "model" : path.getFileName().toString();
    return name.endsWith(".onnx") ? name.substring(0, name.length() - ".onnx".length()) : name;
  }

  private ImportedModel guarded(Runnable work) {
    boolean done = false;
    try {
      work.run();
      ImportedModel model = new ImportedModel(module, files, sources, warnings, inputNames, outputNames);
      done = true;
      return model;
    } finally {
      if (!done) {
        files.close();
      }
    }
  }

  private OnnxGraph read(Path file) {
    OnnxGraph graph = ModelReader.read(files.model(file));
    if (graph.irVersion() > ModelReader.NEWEST_IR) {
      warnings.add(graph.fileName() + ": IR version " + graph.irVersion() + " is newer than " + ModelReader.NEWEST_IR
          + ", the newest that Catena knows");
    }
    if (graph.opset() > ModelReader.NEWEST_OPSET) {
      warnings.add(graph.fileName() + ": opset " + graph.opset() + " is newer than " + ModelReader.NEWEST_OPSET
          + ", the newest that Catena knows; operations that changed since may compute something else");
    }
    return graph;
  }

  private void add(Stage stage, OnnxGraph graph) {
    module.addStage(stage);
    sources.put(stage, graph.file());
  }

  private void pieces(Path path) {
    Pieces pieces = Pieces.find(path, file -> DynamicQuantization.joined(read(file)));
    if (pieces.whole() != null) {
      whole(path, pieces.whole());
      return;
    }
    boolean cached = pieces.inOrder().stream().anyMatch(p -> p.inputs().containsKey("past_key"));
    for (Pieces.Piece piece : pieces.inOrder()) {
      Stage stage = importPiece(path, piece);
      if (!cached && piece.role().readsPast()) {
        stage.setAttribute("past", new Attribute.Text("none"));
      }
      add(stage, piece.graph());
    }
    PieceChain.check(module);
  }

  /** A whole model in one file is imported as one stage, then cut. */
  private void whole(Path path, OnnxGraph graph) {
    Path file = Files.isDirectory(path) ? path.resolve(graph.fileName()) : path;
    GraphImporter g = new GraphImporter(graph, module.name(), file, files, weights);
    g.ofLanguageModel();
    Set<String> conditions = graph.nodes().stream().filter(n -> n.is("If")).map(n -> n.input(0)).collect(Collectors.toSet());
    for (OnnxGraph.ValueInfo input : graph.inputs()) {
      if (conditions.contains(input.name()) && isTruthValue(input)) { // of a merged decoder the branch with a past serves an empty one, too
        g.assume(input.name(), Tensor.ofLongs(ElementType.BOOL, new long[] {1}, input.rank() == 0 ? new long[0] : new long[] {1}));
      }
    }
    Stage whole = g.run(graph.inputs(), graph.outputs());
    for (Stage stage : LayerCut.stages(WholeModel.of(whole, graph.fileName()))) {
      stage.setAttribute("source", new Attribute.Text(graph.fileName()));
      add(stage, graph);
    }
    module.removeUnusedWeights();
    PieceChain.check(module);
  }

  /** One truth value; where an If reads it, it is what Optimum calls use_cache_branch. */
  private static boolean isTruthValue(OnnxGraph.ValueInfo input) {
    return ElementTypes.of(input.elementType()) == ElementType.BOOL && input.rank() >= 0 && input.rank() <= 1;
  }

  private Stage importPiece(Path path, Pieces.Piece piece) {
    Path file = path.resolve(piece.graph().fileName());
    GraphImporter g = new GraphImporter(piece.graph(), piece.stageName(), file, files, weights);
    g.ofLanguageModel();
    Stage stage = g.run(List.copyOf(piece.inputs().values()), List.copyOf(piece.outputs().values()));
    setRoles(stage, g, piece.inputs(), piece.outputs());
    stage.setAttribute("role", new Attribute.Text(piece.role().text()));
    stage.setAttribute("source", new Attribute.Text(piece.graph().fileName()));
    return stage;
  }
}
