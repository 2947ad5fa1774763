package dev.catena.tests.graph;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OrtException;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.GraphProgram;
import dev.catena.codegen.tensor.TensorBytes;
import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.runtime.TensorException;
import dev.catena.runtime.TensorModel;
import dev.catena.runtime.TensorSession;
import dev.catena.runtime.TensorValue;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.OnnxGraphWriter;
import dev.catena.tests.oracle.OnnxRuntimeGraph;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Small graphs whose shapes, branches and mistakes only a run decides, on CPUs and GPUs: ONNX Runtime's outputs, or one line. */
class GraphTest {
  @TempDir Path folder;

  /** A table looked up, stretched to a shape that is an input, and reduced over an axis that is an input. */
  private Path shapesFromInputs() {
    OnnxGraphWriter graph = new OnnxGraphWriter(18);
    graph.input("data", OnnxElement.F32, "rows", "columns");
    graph.input("indices", OnnxElement.I64, "picked");
    graph.input("shape", OnnxElement.I64, 3);
    graph.input("axes", OnnxElement.I64, 1);
    graph.node("Gather", "lookup", List.of("data", "indices"), List.of("rows"));
    graph.node("Expand", "stretch", List.of("rows", "shape"), List.of("wide"));
    graph.node("ReduceSum", "total", List.of("wide", "axes"), List.of("sum"), OnnxAttribute.of("keepdims", 1L));
    graph.node("Sub", "rest", List.of("wide", "sum"), List.of("result"));
    graph.output("result", OnnxElement.F32, "a", "b", "c");
    Path file = folder.resolve("shapes.onnx");
    graph.write(file);
    return file;
  }

  private static Map<String, Tensor> lookup(long index, long axis, long... shape) {
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    Tensor data = new Tensor(ElementType.F32, 5, 7);
    for (int i = 0; i < data.size(); i++) {
      data.set(i, Math.sin(i));
    }
    inputs.put("data", data);
    inputs.put("indices", Tensor.i64(new long[] {0, index, 3}, 3));
    inputs.put("shape", Tensor.i64(shape, shape.length));
    inputs.put("axes", Tensor.i64(new long[] {axis}, 1));
    return inputs;
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu:0", "sim:0"})
  void shapesAreKnownOnlyWhenItRuns(String device) throws OrtException {
    Path file = shapesFromInputs();
    try (TensorModel model = TensorModel.open(compiled(file), device); TensorSession session = model.newSession(2)) {
      for (Map<String, Tensor> inputs : List.of(lookup(4, 0, 2, 3, 7), lookup(-1, 2, 1, 3, 1), lookup(2, -2, 600, 3, 7))) {
        compare(OnnxRuntimeGraph.outputs(file, inputs), session.run(values(inputs)));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu:0", "sim:0"})
  void whatDoesNotFitIsOneLineThatNamesTheNode(String device) {
    try (TensorModel model = TensorModel.open(compiled(shapesFromInputs()), device); TensorSession session = model.newSession(2)) {
      assertLine(session, lookup(5, 0, 2, 3, 7), "'lookup'", "an index is out of range");
      assertLine(session, lookup(0, 0, 2, 4, 7), "'stretch'", "the shapes do not fit");
      assertLine(session, lookup(0, 0, 1L << 40, 3, 7), "'stretch'", "there is not enough memory");
      assertLine(session, lookup(0, 0, Long.MAX_VALUE, 3, 7), "'stretch'", "there is not enough memory");
    }
  }

  private static void assertLine(TensorSession session, Map<String, Tensor> inputs, String... parts) {
    String line = assertThrows(TensorException.class, () -> session.run(values(inputs))).getMessage();
    for (String part : parts) {
      assertTrue(line.contains(part), line);
    }
    assertEquals(1, line.lines().count(), line);
  }

  /** Which branch is taken only the input says; the branches give different shapes. */
  @ParameterizedTest
  @ValueSource(strings = {"cpu:0", "sim:0"})
  void anUndecidedBranchIsTakenWhenItRuns(String device) throws OrtException {
    OnnxGraphWriter yes = new OnnxGraphWriter(18);
    yes.node("Transpose", "turn", List.of("x"), List.of("yes"));
    yes.output("yes", OnnxElement.F32, "p", "q");
    OnnxGraphWriter no = new OnnxGraphWriter(18);
    no.node("Exp", "power", List.of("x"), List.of("no"));
    no.output("no", OnnxElement.F32, "p", "q");
    OnnxGraphWriter graph = new OnnxGraphWriter(18);
    graph.input("x", OnnxElement.F32, "a", "b");
    graph.input("take", OnnxElement.BOOL);
    graph.node("If", "choice", List.of("take"), List.of("chosen"), OnnxAttribute.graph("then_branch", yes),
        OnnxAttribute.graph("else_branch", no));
    graph.node("Neg", "after", List.of("chosen"), List.of("result"));
    graph.output("result", OnnxElement.F32, "p", "q");
    Path file = folder.resolve("branch.onnx");
    graph.write(file);
    try (TensorModel model = TensorModel.open(compiled(file), device); TensorSession session = model.newSession(2)) {
      for (long take : new long[] {1, 0}) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        inputs.put("x", Tensor.f32(new float[] {1, 2, 3, 4, 5, 6}, 2, 3));
        inputs.put("take", Tensor.ofLongs(ElementType.BOOL, new long[] {take}));
        compare(OnnxRuntimeGraph.outputs(file, inputs), session.run(values(inputs)));
      }
    }
  }

  @Test
  void commandsForLanguageModelsRefuseAGraph() {
    Path artifact = compiled(shapesFromInputs());
    CommandResult result = CatenaCommand.run("run", artifact, "--ids", "1");
    assertEquals(2, result.status());
    assertTrue(result.err().contains("catena exec"), result.err());
    assertEquals(1, result.err().strip().lines().count(), result.err());
    assertEquals(0, CatenaCommand.run("inspect", artifact, "--json").status());
  }

  /** Each kernel that is launched stands in the table and in the source; the first launch is the control that all others need. */
  @Test
  void inspectShowsTheKernels() {
    Path artifact = compiled(shapesFromInputs());
    String text = CatenaCommand.run("inspect", artifact, "--kernels").succeeded().out();
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      List<GraphProgram.Launch> launches = reader.graphProgram().launches();
      assertTrue(text.startsWith("// target cpu:") && text.contains("/* target sm_86: " + launches.size() + " launches of "), text);
      for (GraphProgram.Launch launch : launches) {
        assertTrue(text.contains("   " + launch.kernel() + " ") && text.contains(" void " + launch.kernel() + "(catena_graph *g"), launch.kernel());
      }
      assertTrue(launches.get(0).kernel().startsWith("control_"));
      assertEquals(1, launches.get(0).elements());
    }
  }

  private Path compiled(Path file) {
    Path artifact = folder.resolve(file.getFileName() + ".catena");
    CommandResult result = CatenaCommand.run("compile", file, "-o", artifact, "--target", "cpu,sm_86");
    assertEquals(0, result.status(), result.err());
    return artifact;
  }

  private static Map<String, TensorValue> values(Map<String, Tensor> tensors) {
    Map<String, TensorValue> values = new LinkedHashMap<>();
    tensors.forEach((name, t) -> values.put(name, new TensorValue(t.element().keyword(), t.shape(), ByteBuffer.wrap(TensorBytes.of(t)))));
    return values;
  }

  private static void compare(Map<String, Tensor> wanted, Map<String, TensorValue> got) {
    assertEquals(wanted.keySet(), got.keySet());
    wanted.forEach((name, want) -> {
      TensorValue value = got.get(name);
      assertArrayEquals(want.shape(), value.dims());
      Tensor t = TensorBytes.read(want.element(), value.dims(), value.data());
      for (int i = 0; i < want.size(); i++) {
        assertEquals(want.get(i), t.get(i), 1e-5 * Math.max(1, Math.abs(want.get(i))), name + " element " + i);
      }
    });
  }
}
