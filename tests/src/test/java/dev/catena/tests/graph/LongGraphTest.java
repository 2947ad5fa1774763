package dev.catena.tests.graph;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OrtException;
import dev.catena.codegen.tensor.TensorBytes;
import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.runtime.TensorModel;
import dev.catena.runtime.TensorSession;
import dev.catena.runtime.TensorValue;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxContent;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.OnnxGraphWriter;
import dev.catena.tests.oracle.OnnxRuntimeGraph;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Graphs of so many operations that their C is cut into several functions, and a GPU's control into several kernels: ONNX Runtime's outputs. */
class LongGraphTest {
  /** Each is a nest and the memory of its result: more than {@code TensorFunction} has in one function. */
  private static final int STEPS = 900;

  private static final Tensor X = Tensor.f32(new float[] {1, -2, 0.3f, 17, 5}, 5);

  @TempDir Path folder;

  private static OnnxGraphWriter graph() {
    return new OnnxGraphWriter(18);
  }

  /** Takes a thousandth of x away so often; no step becomes part of the next, which reads its result twice. */
  private static void steps(OnnxGraphWriter graph, int count, String from, String to) {
    for (int i = 0; i < count; i++) {
      String x = i == 0 ? from : to + i;
      graph.node("Add", "", List.of(x, x), List.of(to + "_twice" + i));
      graph.node("Mul", "", List.of(to + "_twice" + i, "half"), List.of(to + "_once" + i));
      graph.node("Sub", "", List.of(to + "_once" + i, "little"), List.of(i == count - 1 ? to : to + (i + 1)));
    }
  }

  /** If {@code take}, so many steps from {@code x}, else its negative: {@code chosen}. */
  private static void choice(OnnxGraphWriter graph, int count) {
    OnnxGraphWriter yes = graph();
    steps(yes, count, "x", "taken");
    yes.output("taken", OnnxElement.F32, "n");
    OnnxGraphWriter no = graph();
    no.node("Neg", "", List.of("x"), List.of("left"));
    no.output("left", OnnxElement.F32, "n");
    graph.initializer("half", OnnxContent.reals(OnnxElement.F32, new float[] {0.5f}));
    graph.initializer("thousandth", OnnxContent.reals(OnnxElement.F32, new float[] {0.001f}));
    graph.input("x", OnnxElement.F32, "n");
    graph.input("take", OnnxElement.BOOL);
    graph.node("Mul", "", List.of("x", "thousandth"), List.of("little"));
    graph.node("If", "", List.of("take"), List.of("chosen"), OnnxAttribute.graph("then_branch", yes),
        OnnxAttribute.graph("else_branch", no));
  }

  private Path model() {
    OnnxGraphWriter body = graph();
    body.input("round", OnnxElement.I64);
    body.input("running", OnnxElement.BOOL);
    body.input("state", OnnxElement.F32, "n");
    body.node("Identity", "", List.of("running"), List.of("go_on"));
    steps(body, STEPS, "state", "next");
    body.node("ReduceSum", "", List.of("next"), List.of("total"), OnnxAttribute.of("keepdims", 0L));
    body.output("go_on", OnnxElement.BOOL);
    body.output("next", OnnxElement.F32, "n");
    body.output("total", OnnxElement.F32);
    OnnxGraphWriter graph = graph();
    choice(graph, STEPS);
    graph.input("trips", OnnxElement.I64);
    graph.node("Loop", "", List.of("trips", "", "chosen"), List.of("last", "totals"), OnnxAttribute.graph("body", body));
    graph.output("last", OnnxElement.F32, "n");
    graph.output("totals", OnnxElement.F32, "rounds");
    Path file = folder.resolve("long.onnx");
    graph.write(file);
    return file;
  }

  @Test
  void partsOfBranchesAndLoopsAreOneProgram() throws IOException, OrtException {
    Path file = model();
    Path artifact = folder.resolve("long.catena");
    CatenaCommand.run("compile", file, "-o", artifact).succeeded();
    assertTrue(partsIn(artifact) >= 4, "a part or more for the branch's side and for the loop's body, each with a call");
    for (long take = 0; take < 2; take++) {
      for (long trips = 1; trips < 3; trips++) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        inputs.put("x", X);
        inputs.put("take", Tensor.ofLongs(ElementType.BOOL, new long[] {take}));
        inputs.put("trips", Tensor.i64(new long[] {trips}));
        assertAsOnnxRuntime(file, artifact, "cpu:0", inputs);
      }
    }
  }

  /** The memory of each step's result is a GPU's control, and NVRTC takes long for a long kernel: a branch's goes on in a second one. */
  @Test
  void longControlIsSeveralKernels() throws IOException, OrtException {
    OnnxGraphWriter graph = graph();
    choice(graph, 100);
    graph.output("chosen", OnnxElement.F32, "n");
    Path file = folder.resolve("long.onnx");
    graph.write(file);
    Path artifact = folder.resolve("long.catena");
    CatenaCommand.run("compile", file, "-o", artifact, "--target", "sm_80").succeeded();
    List<Long> lines = Pattern.compile("void control_\\w+\\(.*?\\n}", Pattern.DOTALL).matcher(entry(artifact, "/model.cu")).results()
        .map(control -> control.group().lines().count()).toList();
    assertTrue(lines.stream().mapToLong(n -> n).sum() > 400, "the control has lines of " + lines);
    assertTrue(lines.stream().allMatch(n -> n <= 300), "lines of control kernels: " + lines);
    for (long take = 0; take < 2; take++) {
      Map<String, Tensor> inputs = Map.of("x", X, "take", Tensor.ofLongs(ElementType.BOOL, new long[] {take}));
      assertAsOnnxRuntime(file, artifact, "sim:0", inputs);
    }
  }

  private static void assertAsOnnxRuntime(Path file, Path artifact, String device, Map<String, Tensor> inputs) throws OrtException {
    Map<String, TensorValue> values = inputs.entrySet().stream().collect(Collectors.toMap(Map.Entry::getKey, e ->
        new TensorValue(e.getValue().element().keyword(), e.getValue().shape(), ByteBuffer.wrap(TensorBytes.of(e.getValue())))));
    try (TensorModel model = TensorModel.open(artifact, device); TensorSession session = model.newSession(2)) {
      Map<String, TensorValue> got = session.run(values);
      OnnxRuntimeGraph.outputs(file, inputs).forEach((name, want) -> compare(name, want, got.get(name)));
    }
  }

  /** Mentions of parts, in the C that the artifact keeps to be read. */
  private static int partsIn(Path artifact) throws IOException {
    return entry(artifact, "/model.c").split("part_[0-9a-f]+\\(").length - 1;
  }

  private static String entry(Path artifact, String ending) throws IOException {
    try (ZipFile zip = new ZipFile(artifact.toFile())) {
      ZipEntry source = zip.stream().filter(entry -> entry.getName().endsWith(ending)).findFirst().orElseThrow();
      return new String(zip.getInputStream(source).readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static void compare(String name, Tensor want, TensorValue value) {
    assertArrayEquals(want.shape(), value.dims(), name);
    Tensor got = TensorBytes.read(want.element(), value.dims(), value.data());
    IntStream.range(0, want.size()).forEach(i ->
        assertEquals(want.get(i), got.get(i), 1e-5 * Math.max(1, Math.abs(want.get(i))), name + ", element " + i));
  }
}
