package dev.catena.tools;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.Module;
import dev.catena.passes.DefaultPipeline;
import dev.catena.passes.PassContext;
import dev.catena.passes.PassException;
import dev.catena.passes.Pipeline;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What the default passes up to {@code merge} make of an ONNX model: its operations, and its decoders part by part. */
final class RaisedModel {
  /** {@code share} is left out: it reads every weight for its hash, and changes no operation. */
  private static final Pipeline PASSES =
      Pipeline.parse(DefaultPipeline.text(OnnxInspection.DEFAULTS)).without("share").upTo("merge");

  private final Map<String, Integer> operations;
  private final LayerTable layers;
  private final List<String> warnings;

  private RaisedModel(Module module, List<String> warnings) {
    this.operations = MergedOperations.of(module);
    this.layers = new LayerTable(module);
    this.warnings = List.copyOf(warnings);
  }

  /** Reads the model anew, since passes change a module in place. Where a pass can't go on, the module is as it left it. */
  static RaisedModel of(Path input) {
    try (ImportedModel imported =
        Files.isDirectory(input) ? OnnxImporter.importModel(input) : OnnxImporter.importStage(input)) {
      PassContext context = new PassContext();
      List<String> failure = new ArrayList<>();
      try {
        PASSES.run(imported.module(), context);
      } catch (PassException e) {
        failure.add(e.getMessage());
      }
      List<String> warnings = new ArrayList<>(context.warnings());
      warnings.addAll(failure);
      return new RaisedModel(imported.module(), warnings);
    }
  }

  /** How often each operation occurs, over all stages. */
  Map<String, Integer> operations() {
    return operations;
  }

  LayerTable layers() {
    return layers;
  }

  /** A line for each layer that falls short, and one for a pass that couldn't go on. */
  List<String> warnings() {
    return warnings;
  }
}
