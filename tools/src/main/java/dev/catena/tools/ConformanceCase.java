package dev.catena.tools;

import dev.catena.artifact.GraphDescription;
import dev.catena.codegen.tensor.TensorBytes;
import dev.catena.codegen.tensor.TensorProgram;
import dev.catena.codegen.tensor.TensorWork;
import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.frontend.onnx.UnsupportedTypeException;
import dev.catena.ir.ElementType;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import dev.catena.passes.PassContext;
import dev.catena.passes.Pipeline;
import dev.catena.runtime.LoadedGraph;
import dev.catena.runtime.TensorRunner;
import dev.catena.runtime.TensorValue;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * One folder of ONNX's backend tests: {@code model.onnx} and {@code test_data_set_N/{input,output}_M.pb}. Prepared
 * first, so that the code of many cases can be made at once.
 */
final class ConformanceCase {
  private final Path folder;
  private String operation = "?";
  private String skipped;
  private String failure;
  private GraphDescription description;
  private TensorProgram program;
  private List<byte[]> weights;
  private List<ElementType> inputTypes;

  ConformanceCase(Path folder) {
    this.folder = folder;
  }

  String name() {
    return folder.getFileName().toString();
  }

  /** The operation that the case is about: the model's first one, as it was written. */
  String operation() {
    return operation;
  }

  /** Why the case can't be run, by type or feature; null where it can. */
  String skipped() {
    return skipped;
  }

  /** What is wrong, null where nothing is. */
  String failure() {
    return failure;
  }

  /** The code to be made, or null where the case was skipped or has failed already. */
  TensorProgram program() {
    return program;
  }

  void fail(String reason) {
    failure = reason;
    program = null;
  }

  /** Imports the model and lowers it. */
  void prepare() {
    try (ImportedModel model = OnnxImporter.importGraph(folder.resolve("model.onnx"))) {
      Stage stage = model.module().stages().get(0);
      operation = stage.operations().stream().filter(op -> !op.definition().has(Trait.CONSTANT)).findFirst()
          .map(op -> op.name().substring(op.name().indexOf('.') + 1)).orElse("Constant");
      if (hasTexts(stage)) {
        skipped = "string";
        return;
      }
      inputTypes = stage.arguments().stream().map(v -> v.tensorType().element()).toList();
      PlainGraph graph = PlainGraph.of(model, Pipeline.parse(PlainGraph.PIPELINE), new PassContext());
      program = graph.program();
      description = graph.description(Map.of(), List.of());
      weights = new ArrayList<>();
      for (TensorProgram.Weight weight : program.weights()) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        GraphWeights.write(weight.data(), Channels.newChannel(bytes));
        weights.add(bytes.toByteArray());
      }
    } catch (UnsupportedTypeException e) {
      skipped = e.type();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (RuntimeException e) {
      fail(line(e));
    }
  }

  private static boolean hasTexts(Stage stage) {
    return Stream.concat(stage.arguments().stream(), stage.operations().stream().map(Operation::results).flatMap(List::stream))
        .map(Value::tensorType).anyMatch(type -> type.element() == ElementType.STRING);
  }

  GraphDescription description() {
    return description;
  }

  /** The bytes of each weight. */
  List<byte[]> weights() {
    return weights;
  }

  /** A guess at how much its largest set of data makes it compute ({@link TensorWork}). */
  double work() {
    double most = 0;
    for (Path set : sets()) {
      List<Tensor> inputs = NodeTestData.read(set, "input", inputTypes);
      if (inputs.size() == inputTypes.size()) {
        most = Math.max(most, TensorWork.of(program, inputs));
      }
    }
    return most;
  }

  void skip(String reason) {
    skipped = reason;
    program = null;
  }

  /** Runs the case on all its data. */
  void run(LoadedGraph graph) {
    try (TensorRunner runner = graph.runner(1)) {
      for (Path set : sets()) {
        String difference = difference(runner, set);
        if (difference != null) {
          fail((set.getFileName().toString().equals("test_data_set_0") ? "" : set.getFileName() + ": ") + difference);
          return;
        }
      }
    } catch (RuntimeException e) {
      fail(line(e));
    }
  }

  private List<Path> sets() {
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(path -> path.getFileName().toString().startsWith("test_data_set_") && Files.isDirectory(path)).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String difference(TensorRunner runner, Path set) {
    List<TensorValue> given = new ArrayList<>();
    List<Tensor> inputs = NodeTestData.read(set, "input", inputTypes);
    for (Tensor t : inputs) {
      given.add(new TensorValue(t.element().keyword(), t.shape(), ByteBuffer.wrap(TensorBytes.of(t))));
    }
    if (given.size() != description.inputs().size()) {
      return given.size() + " inputs are given, the model takes " + description.inputs().size();
    }
    List<TensorValue> got = runner.run(given);
    List<Tensor> wanted = NodeTestData.read(set, "output", got.stream().map(v -> element(v.type())).toList());
    if (wanted.isEmpty()) {
      return "no output is given to compare with";
    }
    for (int i = 0; i < wanted.size(); i++) {
      TensorValue value = got.get(i);
      String difference = NodeTestData.difference(wanted.get(i), TensorBytes.read(element(value.type()), value.dims(), value.data()));
      if (difference != null) {
        return "output " + i + ": " + difference;
      }
    }
    return null;
  }

  private static ElementType element(String type) {
    return ElementType.valueOf(type.toUpperCase(Locale.ROOT));
  }

  private static String line(RuntimeException e) {
    String text = e.getMessage() == null ? e.toString() : e.getMessage();
    return text.strip().replaceAll("\\s*\\R\\s*", "; ");
  }
}
