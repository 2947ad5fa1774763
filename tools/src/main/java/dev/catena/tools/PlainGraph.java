package dev.catena.tools;

import dev.catena.artifact.GraphDescription;
import dev.catena.artifact.Manifest;
import dev.catena.codegen.tensor.TensorLowering;
import dev.catena.codegen.tensor.TensorProgram;
import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.ir.Dim;
import dev.catena.ir.Module;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.passes.PassContext;
import dev.catena.passes.Pipeline;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A model that is no language model: one stage, cleaned, and its program over tensors. */
final class PlainGraph {
  /** What is known is computed, and no more: the operations stay the standard's. */
  static final String PIPELINE = "fold,clean";

  private final Stage stage;
  private final TensorProgram program;
  private final List<String> inputNames;
  private final List<String> outputNames;

  private PlainGraph(Stage stage, TensorProgram program, ImportedModel names) {
    this.stage = stage;
    this.program = program;
    this.inputNames = names.inputNames();
    this.outputNames = names.outputNames();
  }

  /** Runs the pipeline on the model, whose only stage the graph is. */
  static PlainGraph of(ImportedModel imported, Pipeline pipeline, PassContext context) {
    Module module = imported.module();
    pipeline.run(module, context);
    Stage stage = module.stages().get(0);
    return new PlainGraph(stage, TensorLowering.of(stage), imported);
  }

  Stage stage() {
    return stage;
  }

  TensorProgram program() {
    return program;
  }

  GraphDescription description(Map<String, String> symbols, List<Manifest.Weight> weights) {
    return new GraphDescription(ports(stage.arguments(), inputNames, true),
        ports(stage.outputs(), outputNames, false), symbols, weights, program.operations());
  }

  private static List<GraphDescription.Port> ports(List<Value> values, List<String> names, boolean areInputs) {
    List<GraphDescription.Port> ports = new ArrayList<>();
    for (int i = 0; i < values.size(); i++) {
      TensorType type = values.get(i).tensorType();
      boolean any = areInputs && !TensorLowering.isRead(values.get(i)); // of what nobody reads the dimensions are its own affair
      ports.add(new GraphDescription.Port(names.get(i), type.element().keyword(),
          any ? GraphDescription.ANY : type.shape().stream().map(PlainGraph::text).toList()));
    }
    return ports;
  }

  private static String text(Dim dim) {
    return dim.isKnown() ? dim.toString() : dim.toString().startsWith("?") ? dim.toString() : "?(" + dim + ")";
  }
}
