package dev.catena.tests.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OrtException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.ir.Tensor;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.model.TensorProtoFile;
import dev.catena.tests.oracle.OnnxRuntimeGraph;
import dev.catena.tests.shared.SharedFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code catena conformance}: the standard's own tests, and cases that ONNX Runtime has answered. */
class ConformanceCommandTest {
  @TempDir Path folder;

  /** All but those about texts, sequences and optional values, of which there are nine. */
  @Test
  void theStandardsNodeTestsPass() throws IOException {
    JsonNode result = json(CatenaCommand.run("conformance", SharedFiles.require("onnx-node-tests"), "--json"));
    assertEquals(0, result.get("failed").asInt(), result.get("failures")::toString);
    assertTrue(result.get("passed").asInt() >= 661, result::toString);
    List<String> reasons = new ArrayList<>();
    result.get("skips").fieldNames().forEachRemaining(reasons::add);
    assertEquals(List.of("optional", "sequence", "string"), reasons);
  }

  /** The same as CUDA, on the simulator: every fourth case, whichever that is. */
  @Test
  void aFourthOfTheStandardsNodeTestsPassesAsCuda() throws IOException {
    List<Path> cases;
    try (Stream<Path> all = Files.walk(SharedFiles.require("onnx-node-tests"), 3)) {
      cases = all.filter(path -> path.endsWith("model.onnx")).map(Path::getParent).sorted().toList();
    }
    List<Object> arguments = new ArrayList<>(List.of("conformance", "--target", "sim", "--json"));
    for (int i = 0; i < cases.size(); i += 4) {
      arguments.add(cases.get(i));
    }
    JsonNode result = json(CatenaCommand.run(arguments.toArray()));
    assertEquals(0, result.get("failed").asInt(), result.get("failures")::toString);
    assertTrue(result.get("passed").asInt() > arguments.size() * 9 / 10, result::toString);
  }

  /** As CUDA on the simulator, too: by turns with sizes known and with sizes that only a run has. */
  @Test
  void whatOnnxRuntimeAnswersIsCompiledToCuda() throws IOException, OrtException {
    List<SingleNode> nodes = nodes();
    for (int i = 0; i < nodes.size(); i++) {
      write(nodes.get(i), i, List.of(i % 2 == 0 ? "known" : "named"));
    }
    JsonNode result = json(CatenaCommand.run("conformance", folder, "--json", "--target", "sim"));
    assertEquals("", String.join("\n", failures(result, nodes)));
    assertTrue(result.get("passed").asInt() > nodes.size() * 4 / 5, result::toString);   // the rest needs sizes that are known
  }

  /** What would keep the simulator busy for minutes is left out, and said so. */
  @Test
  void tooMuchWorkForTheSimulatorIsSkipped() throws IOException, OrtException {
    write(SingleNode.of("MatMul", 13).reals(700, 300).reals(300, 200), 0, List.of("named"));
    write(SingleNode.of("MatMul", 13).reals(7, 3).reals(3, 2), 1, List.of("named"));
    CommandResult result = CatenaCommand.run("conformance", folder, "--target", "sim").succeeded();
    assertTrue(result.out().contains("skipped 1: more than 4 million steps of estimated work"), result.out());
    assertTrue(result.out().endsWith("1 passed, 0 failed, 1 skipped\n"), result.out());
  }

  /** All but recurrent layers, which LoopTest's loops stand for. */
  private static List<SingleNode> nodes() {
    return Stream.of(OperationBreadthTest.activations(), OperationBreadthTest.normalizations(),
        OperationBreadthTest.arrangements(), OperationBreadthTest.quantization(), OperationBreadthTest.ofTheStandard(),
        OperationBreadthTest.windows()).flatMap(s -> s).toList();
  }

  private static List<String> failures(JsonNode result, List<SingleNode> nodes) {
    List<String> failures = new ArrayList<>();
    for (JsonNode failure : result.get("failures")) {
      // Sizes that a result's rank or the code itself depends on must be known: that is said, in one line.
      if (!failure.asText().startsWith("named-") || !failure.asText().contains("known")) {
        failures.add(nodes.get(Integer.parseInt(failure.asText().replaceFirst("^[a-z]+-(\\d+).*", "$1"))) + ": " + failure.asText());
      }
    }
    return failures;
  }

  /** Operations of encoders and small nets, compiled with sizes known and with sizes that only a run has. */
  @Test
  void whatOnnxRuntimeAnswersIsCompiled() throws IOException, OrtException {
    List<SingleNode> nodes = Stream.concat(nodes().stream(), OperationBreadthTest.recurrent()).toList();
    for (int i = 0; i < nodes.size(); i++) {
      write(nodes.get(i), i, List.of("known", "named"));
    }
    JsonNode result = json(CatenaCommand.run("conformance", folder, "--json"));
    assertEquals("", String.join("\n", failures(result, nodes)));
    assertTrue(result.get("passed").asInt() > nodes.size(), result::toString);
  }

  /** @param ways {@code known} and {@code named}: how the sizes of inputs stand in the file */
  private void write(SingleNode node, int number, List<String> ways) throws IOException, OrtException {
    Map<String, Tensor> expected = OnnxRuntimeGraph.outputs(node.write(folder.resolve("asked.onnx"), false), node.inputs());
    for (String way : ways) {
      Path set = Files.createDirectories(folder.resolve(way + "-" + number + "/test_data_set_0"));
      node.write(set.resolveSibling("model.onnx"), way.equals("named"));
      writeAll(set, "input", List.copyOf(node.inputs().values()));
      writeAll(set, "output", List.copyOf(expected.values()));
    }
  }

  private static void writeAll(Path set, String kind, List<Tensor> tensors) {
    for (int i = 0; i < tensors.size(); i++) {
      TensorProtoFile.write(set.resolve(kind + "_" + i + ".pb"), tensors.get(i));
    }
  }

  /** Not even a value that is off by a hundredth passes: exit status 1, a line that names the case, the last line of numbers. */
  @Test
  void aWrongValueFails() throws IOException, OrtException {
    SingleNode node = SingleNode.of("Tanh", 13).reals(3, 5);
    write(node, 0, List.of("known", "named"));
    Tensor wrong = Tensor.f32(new float[15], 3, 5);
    TensorProtoFile.write(folder.resolve("named-0/test_data_set_0/output_0.pb"), wrong);
    CommandResult result = CatenaCommand.run("conformance", folder);
    assertEquals(1, result.status());
    assertTrue(result.out().endsWith("1 passed, 1 failed, 0 skipped\n"), result.out());
    assertTrue(result.err().contains("named-0: output 0: element 0"), result.err());
  }

  @Test
  void aFolderWithoutCasesIsAMistake() {
    CommandResult result = CatenaCommand.run("conformance", folder);
    assertEquals(2, result.status());
    assertEquals(1, result.err().strip().lines().count(), result.err());
  }

  private static JsonNode json(CommandResult result) throws IOException {
    return new ObjectMapper().readTree(result.out());
  }
}
