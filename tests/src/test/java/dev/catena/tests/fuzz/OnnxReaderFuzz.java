package dev.catena.tests.fuzz;

import dev.catena.codegen.tensor.TensorLowering;
import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxException;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.IrException;
import dev.catena.passes.DefaultPipeline;
import dev.catena.passes.PassContext;
import dev.catena.passes.PassException;
import dev.catena.passes.Pipeline;
import java.nio.file.Path;
import java.util.List;

/** Bytes as an ONNX file: imported as a piece, a graph and a model, and compiled as far as there is no code. */
public final class OnnxReaderFuzz {
  private static final Path FILE = ScratchFolder.create("onnx").resolve("m.onnx");
  private static final Pipeline GRAPH_PASSES = Pipeline.parse("fold,clean");
  private static final Pipeline PASSES = Pipeline.parse(DefaultPipeline.text(
      new DefaultPipeline.Settings(DefaultPipeline.WeightStorage.of(4, 128).withScales("range"), 16, 16, 256, 4096)));

  private OnnxReaderFuzz() {}

  public static void fuzzerTestOneInput(byte[] bytes) {
    Path file = ScratchFolder.write(FILE, bytes);
    try (ImportedModel stage = OnnxImporter.importStage(file)) {
      stage.module().toString();
    } catch (RuntimeException e) {
      OneLine.check(e, "m.onnx", List.of(OnnxException.class));
      return;
    }
    try (ImportedModel graph = OnnxImporter.importGraph(file)) {
      lower(graph);
    } catch (RuntimeException e) {
      OneLine.check(e, "m.onnx", List.of(OnnxException.class));
    }
    try (ImportedModel model = OnnxImporter.importModel(file)) {
      compile(model);
    } catch (RuntimeException e) {
      OneLine.check(e, "m.onnx", List.of(OnnxException.class));
    }
  }

  private static void lower(ImportedModel graph) {
    try {
      GRAPH_PASSES.run(graph.module(), new PassContext());
      TensorLowering.of(graph.module().stages().get(0));
    } catch (RuntimeException e) {
      OneLine.checkKind(e, List.of(PassException.class, IrException.class, IllegalArgumentException.class));
    }
  }

  private static void compile(ImportedModel model) {
    try {
      PASSES.run(model.module(), new PassContext());
    } catch (RuntimeException e) {
      OneLine.checkKind(e, List.of(PassException.class, IrException.class));
    }
  }
}
