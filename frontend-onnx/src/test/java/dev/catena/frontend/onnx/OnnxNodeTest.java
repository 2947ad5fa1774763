package dev.catena.frontend.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.ir.Dialects;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.HalfFloat;
import dev.catena.ir.MappedFile;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.ir.Verifier;
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

/** The ONNX standard's own node tests: importer and evaluator must compute what they say. */
class OnnxNodeTest {
  /** {@code least} is the number of cases that must pass, so that a skip can't hide a loss. */
  @ParameterizedTest
  @CsvSource({"opset-17, 208", "opset-latest, 313"})
  void everyCaseOfDeclaredOperationsPasses(String folder, int least) throws IOException {
    Path root = SharedFiles.path("onnx-node-tests/" + folder);
    List<String> failures = new ArrayList<>();
    Map<String, Integer> skips = new TreeMap<>();
    int passed = 0;
    for (Path model : cases(root)) {
      String reason = unsupported(model);
      if (reason != null) {
        skips.merge(reason, 1, Integer::sum);
        continue;
      }
      String failure;
      try {
        failure = run(model);
      } catch (RuntimeException e) {
        failure = e.toString();
      }
      if (failure == null) {
        passed++;
      } else {
        failures.add(model.getParent().getFileName() + ": " + failure);
      }
    }
    System.out.println(folder + ": " + passed + " passed, " + failures.size() + " failed, skipped " + skips);
    assertEquals(List.of(), failures);
    assertTrue(passed >= least, passed + " passed, " + least + " did before");
  }

  private static List<Path> cases(Path root) throws IOException {
    try (Stream<Path> all = Files.list(root)) {
      return all.map(p -> p.resolve("model.onnx")).filter(Files::exists).sorted().toList();
    }
  }

  /** The feature that Catena lacks, or null. */
  private static String unsupported(Path model) throws IOException {
    try (MappedFile file = new MappedFile(model, "model.onnx")) {
      OnnxGraph graph = ModelReader.read(file);
      for (OnnxGraph.Node n : graph.nodes()) {
        boolean dropped = n.operation().equals("Dropout") || n.operation().equals("Scatter");
        if (!n.isStandard() || !dropped && Dialects.find("onnx." + n.operation()) == null) {
          return "operation " + n.operation();
        }
        OnnxAttribute to = n.attributes().get("to");
        if (to != null && supported((int) to.integer()) != null) {
          return supported((int) to.integer());
        }
      }
      for (List<OnnxGraph.ValueInfo> side : List.of(graph.inputs(), graph.outputs())) {
        for (OnnxGraph.ValueInfo v : side) {
          if (supported(v.elementType()) != null) {
            return supported(v.elementType());
          }
        }
      }
      return null;
    }
  }

  private static String supported(int elementType) {
    ElementType e = ElementTypes.of(elementType);
    return e == null ? "element type number " + elementType : e == ElementType.STRING ? "element type string" : null;
  }

  private static String run(Path modelFile) throws IOException {
    try (ImportedModel model = OnnxImporter.importStage(modelFile)) {
      Verifier.verify(model.module());
      Stage stage = model.module().stages().get(0);
      Path data = modelFile.resolveSibling("test_data_set_0");
      List<Tensor> given = as(stage.arguments(), TestData.read(data, "input"));
      List<EvalValue> got = new Evaluator().run(stage, new ArrayList<>(given));
      List<Tensor> want = as(stage.outputs(), TestData.read(data, "output"));
      for (int i = 0; i < want.size(); i++) {
        // ONNX 1.12 truncated to bf16 where the standard rounds: half a unit is 2^-8.
        double relative = want.get(i).element() == ElementType.BF16 ? 0x1p-7 : 1e-3;
        String difference = TestData.difference(want.get(i), got.get(i), relative, 1e-7);
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

  /** Infers again with the elements of small integer inputs known: every result must then be exactly known too. */
  private static String withKnownContents(Stage stage, List<Tensor> given, List<EvalValue> got) {
    for (int i = 0; i < given.size(); i++) {
      Tensor t = given.get(i);
      if (t.element().isInteger() && t.size() <= 64) {
        stage.arguments().get(i).setContents(
            Arrays.stream(t.longs()).mapToObj(Dim::of).toArray(Dim[]::new));
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

  /** ONNX 1.12 wrote the bits of bf16 data as u16: taken as the graph declares them. */
  private static List<Tensor> as(List<Value> declared, List<Tensor> data) {
    List<Tensor> out = new ArrayList<>();
    for (int i = 0; i < data.size(); i++) {
      Tensor t = data.get(i);
      if (t.element() == ElementType.U16 && declared.get(i).tensorType().element() == ElementType.BF16) {
        Tensor reals = new Tensor(ElementType.BF16, t.shape());
        for (int j = 0; j < t.size(); j++) {
          reals.set(j, HalfFloat.bf16ToFloat((short) t.getLong(j)));
        }
        t = reals;
      }
      out.add(t);
    }
    return out;
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
