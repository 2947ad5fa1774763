package dev.catena.tests.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.frontend.onnx.UnsupportedTypeException;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.Module;
import dev.catena.ir.Stage;
import dev.catena.ir.StructuralEquality;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.ir.Verifier;
import dev.catena.ir.text.CirReader;
import dev.catena.ir.text.WeightFiles;
import dev.catena.tests.shared.SharedFiles;
import dev.catena.tools.NodeTestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The ONNX standard's own node tests: each case imports, verifies, prints and parses as itself, and is evaluated as the
 * standard says. What shape inference promised is held against what came out.
 */
class NodeTestsTest {
  /** {@code least} is the number of cases that must pass, so that a skip can't hide a loss. */
  @ParameterizedTest
  @CsvSource({"opset-17, 209", "opset-latest, 452"})
  void everyCasePasses(String folder, int least) throws IOException {
    List<String> failures = new ArrayList<>();
    Map<String, Integer> skips = new TreeMap<>();
    int passed = 0;
    for (Path model : cases(SharedFiles.require("onnx-node-tests/" + folder))) {
      String failure;
      try {
        failure = run(model);
      } catch (UnsupportedTypeException e) {
        skips.merge(e.type(), 1, Integer::sum);
        continue;
      } catch (RuntimeException e) {
        failure = e.toString();
      }
      if (failure == null) {
        passed++;
      } else if (failure.equals("string")) {
        skips.merge(failure, 1, Integer::sum);
      } else {
        failures.add(model.getParent().getFileName() + ": " + failure);
      }
    }
    System.out.println(folder + ": " + passed + " passed, " + failures.size() + " failed, skipped " + skips);
    assertEquals("", String.join("\n", failures));
    assertTrue(passed >= least, passed + " passed, " + least + " did before");
  }

  private static List<Path> cases(Path root) throws IOException {
    try (Stream<Path> all = Files.list(root)) {
      return all.map(p -> p.resolve("model.onnx")).filter(Files::exists).sorted().toList();
    }
  }

  /** What is wrong, null where nothing is, or "string" where the case is about texts. */
  private static String run(Path modelFile) throws IOException {
    try (ImportedModel model = OnnxImporter.importStage(modelFile)) {
      Verifier.verify(model.module());
      Stage stage = model.module().stages().get(0);
      if (Stream.concat(stage.arguments().stream(), stage.outputs().stream()).map(v -> v.tensorType().element())
          .anyMatch(ElementType.STRING::equals)) {
        return "string";
      }
      String difference = roundTrip(model.module());
      if (difference != null) {
        return difference;
      }
      Path data = modelFile.resolveSibling("test_data_set_0");
      List<Tensor> given = NodeTestData.read(data, "input", elements(stage.arguments()));
      List<Tensor> want = NodeTestData.read(data, "output", elements(stage.outputs()));
      List<EvalValue> got = new Evaluator().run(stage, new ArrayList<>(given));
      for (int i = 0; i < want.size(); i++) {
        difference = NodeTestData.difference(want.get(i), (Tensor) got.get(i));
        if (difference == null) {
          difference = contradiction(stage.outputs().get(i), (Tensor) got.get(i), false);
        }
        if (difference != null) {
          return "output " + i + ": " + difference;
        }
      }
      return withKnownContents(stage, given, got);
    }
  }

  private static List<ElementType> elements(List<Value> values) {
    return values.stream().map(v -> v.tensorType().element()).toList();
  }

  private static String roundTrip(Module module) {
    Module read = CirReader.parse(module.toString(), "text", WeightFiles.NONE);
    String difference = StructuralEquality.difference(module, read);
    return difference != null ? "read back from its text: " + difference
        : read.toString().equals(module.toString()) ? null : "prints differently once it was read";
  }

  /** Infers again with the elements of small integer inputs known: every result must then be exactly known too. */
  private static String withKnownContents(Stage stage, List<Tensor> given, List<EvalValue> got) {
    for (int i = 0; i < given.size(); i++) {
      Tensor t = given.get(i);
      if (t.element().isInteger() && t.size() <= 64) {
        stage.arguments().get(i).setContents(Arrays.stream(t.longs()).mapToObj(Dim::of).toArray(Dim[]::new));
      }
    }
    stage.inferTypes();
    for (int i = 0; i < got.size(); i++) {
      boolean fromReals = stage.operations().stream().anyMatch(op -> op.is("onnx.Range"));
      String difference = contradiction(stage.outputs().get(i), (Tensor) got.get(i), !fromReals);
      if (difference != null) {
        return "output " + i + ", inferred from known contents: " + difference;
      }
    }
    return null;
  }

  /** Where the shape function promised something else than what was evaluated. */
  private static String contradiction(Value value, Tensor got, boolean mustBeKnown) {
    TensorType type = value.tensorType();
    if (type.element() != got.element() || type.rank() != got.rank()) {
      return "inferred " + type.text() + ", evaluated " + got.type().text();
    }
    for (int i = 0; i < type.rank(); i++) {
      Dim d = type.dim(i);
      if (d.isKnown() ? d.value() != got.dim(i) : mustBeKnown) {
        return "inferred " + type.text() + ", evaluated " + got.type().text();
      }
    }
    for (int i = 0; value.contents() != null && i < got.size(); i++) {
      Dim d = value.contents()[i];
      if (d.isKnown() && d.value() != got.getLong(i)) {
        return "inferred element " + i + " as " + d + ", evaluated " + got.getLong(i);
      }
    }
    return null;
  }
}
