package dev.catena.tests.graph;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.onnxruntime.OrtException;
import dev.catena.codegen.tensor.TensorBytes;
import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.ir.Verifier;
import dev.catena.ir.text.CirReader;
import dev.catena.ir.text.WeightFiles;
import dev.catena.runtime.TensorModel;
import dev.catena.runtime.TensorSession;
import dev.catena.runtime.TensorValue;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxContent;
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

/** Loops as exporters write them, compiled for a CPU and a GPU: ONNX Runtime's outputs. */
class LoopTest {
  @TempDir Path folder;

  private static OnnxGraphWriter body() {
    OnnxGraphWriter body = new OnnxGraphWriter(18);
    body.input("round", OnnxElement.I64);
    body.input("running", OnnxElement.BOOL);
    body.node("Identity", "on", List.of("running"), List.of("go_on"));
    body.output("go_on", OnnxElement.BOOL);
    return body;
  }

  private static OnnxGraphWriter graph() {
    OnnxGraphWriter graph = new OnnxGraphWriter(18);
    graph.initializer("one", OnnxContent.longs(new long[] {1}, 1));
    return graph;
  }

  /** A sum that goes round, of which each version is stacked; the body reads a value from around it. */
  @Test
  void statesGoRoundAndSlicesAreStacked() throws OrtException {
    OnnxGraphWriter body = body();
    body.input("sum", OnnxElement.F32, 2, 3);
    body.node("Cast", "real", List.of("round"), List.of("real"), OnnxAttribute.of("to", 1L));
    body.node("Mul", "grow", List.of("outer", "real"), List.of("more"));
    body.node("Add", "add", List.of("sum", "more"), List.of("next"));
    body.node("ReduceSum", "total", List.of("next"), List.of("slice"), OnnxAttribute.of("keepdims", 0L));
    body.output("next", OnnxElement.F32, 2, 3);
    body.output("next_again", OnnxElement.F32, 2, 3);
    body.node("Identity", "again", List.of("next"), List.of("next_again"));
    body.output("slice", OnnxElement.F32);
    OnnxGraphWriter graph = graph();
    graph.input("x", OnnxElement.F32, 2, 3);
    graph.input("trips", OnnxElement.I64);
    graph.node("Sin", "sine", List.of("x"), List.of("outer"));
    graph.node("Loop", "loop", List.of("trips", "", "x"), List.of("last", "versions", "totals"), OnnxAttribute.graph("body", body));
    graph.output("last", OnnxElement.F32, 2, 3);
    graph.output("versions", OnnxElement.F32, "n", 2, 3);
    graph.output("totals", OnnxElement.F32, "n");
    for (long trips : new long[] {5, 1, 0}) {
      check(graph, Map.of("x", reals(2, 3), "trips", Tensor.i64(new long[] {trips})));
    }
  }

  /** What goes round grows, and stops growing when the data say so. */
  @Test
  void sizesMayChangeFromRoundToRound() throws OrtException {
    OnnxGraphWriter body = new OnnxGraphWriter(18);
    body.input("round", OnnxElement.I64);
    body.input("running", OnnxElement.BOOL);
    body.input("list", OnnxElement.F32, "length");
    body.input("other", OnnxElement.F32, 1);
    body.node("Gather", "pick", List.of("x", "round"), List.of("picked"));
    body.node("Unsqueeze", "one", List.of("picked", "axis"), List.of("single"));
    body.node("Concat", "longer", List.of("list", "single", "other"), List.of("next"), OnnxAttribute.of("axis", 0L));
    body.node("ReduceSum", "sum", List.of("next"), List.of("total"), OnnxAttribute.of("keepdims", 0L));
    body.node("Less", "small", List.of("total", "bound"), List.of("go_on"));
    body.output("go_on", OnnxElement.BOOL);
    body.output("next", OnnxElement.F32, "longer");
    body.output("single", OnnxElement.F32, 1);
    body.node("Identity", "keep", List.of("picked"), List.of("kept"));
    body.output("kept", OnnxElement.F32);
    OnnxGraphWriter graph = graph();
    graph.initializer("axis", OnnxContent.longs(new long[] {0}, 1));
    graph.input("x", OnnxElement.F32, "n");
    graph.input("start", OnnxElement.F32, 2);
    graph.input("first", OnnxElement.F32, 1);
    graph.input("bound", OnnxElement.F32);
    graph.initializer("many", OnnxContent.longs(new long[] {Long.MAX_VALUE}));
    graph.node("Loop", "loop", List.of("many", "", "start", "first"), List.of("list", "picked", "all"), OnnxAttribute.graph("body", body));
    graph.node("Neg", "after", List.of("list"), List.of("negative"));
    graph.output("negative", OnnxElement.F32, "m");
    graph.output("picked", OnnxElement.F32, 1);
    graph.output("all", OnnxElement.F32, "k");
    for (float bound : new float[] {-100, 20, 300}) {
      check(graph, Map.of("x", Tensor.f32(new float[] {1, 2, 3, 40, 5, 6, 700}, 7), "start", Tensor.f32(new float[] {0.5f, 1.5f}, 2),
          "first", Tensor.f32(new float[] {0.25f}, 1), "bound", Tensor.f32(new float[] {bound})));
    }
  }

  /** A loop in a loop, and a choice that depends on the round. */
  @Test
  void loopsAndBranchesNest() throws OrtException {
    OnnxGraphWriter inner = body();
    inner.input("y", OnnxElement.F32, "a");
    inner.node("Mul", "scale", List.of("y", "factor"), List.of("scaled"));
    inner.output("scaled", OnnxElement.F32, "a");
    OnnxGraphWriter yes = new OnnxGraphWriter(18);
    yes.node("Neg", "negative", List.of("deep"), List.of("chosen_yes"));
    yes.output("chosen_yes", OnnxElement.F32, "a");
    OnnxGraphWriter no = new OnnxGraphWriter(18);
    no.node("Add", "plus", List.of("deep", "x"), List.of("chosen_no"));
    no.output("chosen_no", OnnxElement.F32, "a");
    OnnxGraphWriter outer = new OnnxGraphWriter(18);
    outer.input("i", OnnxElement.I64);
    outer.input("c", OnnxElement.BOOL);
    outer.input("state", OnnxElement.F32, "a");
    outer.node("Cast", "real", List.of("i"), List.of("factor"), OnnxAttribute.of("to", 1L));
    outer.node("Loop", "inner", List.of("i", "", "state"), List.of("deep"), OnnxAttribute.graph("body", inner));
    outer.node("Equal", "second", List.of("i", "one_number"), List.of("is_one"));
    outer.node("If", "choice", List.of("is_one"), List.of("next"), OnnxAttribute.graph("then_branch", yes),
        OnnxAttribute.graph("else_branch", no));
    outer.node("Identity", "keep", List.of("c"), List.of("outer_goes_on"));
    outer.output("outer_goes_on", OnnxElement.BOOL);
    outer.output("next", OnnxElement.F32, "a");
    OnnxGraphWriter graph = graph();
    graph.initializer("one_number", OnnxContent.longs(new long[] {1}));
    graph.initializer("trips", OnnxContent.longs(new long[] {4}));
    graph.input("x", OnnxElement.F32, "a");
    graph.node("Loop", "outer", List.of("trips", "", "x"), List.of("last"), OnnxAttribute.graph("body", outer));
    graph.output("last", OnnxElement.F32, "a");
    check(graph, Map.of("x", reals(5)));
  }

  /** Two states that take each other's place; sequences along other axes, one of them backwards. */
  @Test
  void scansReadSequences() throws OrtException {
    OnnxGraphWriter body = new OnnxGraphWriter(18);
    body.input("a", OnnxElement.F32, 3);
    body.input("b", OnnxElement.F32, 3);
    body.input("row", OnnxElement.F32, 3);
    body.input("column", OnnxElement.F32, 3);
    body.node("Add", "sum", List.of("a", "row"), List.of("next_b"));
    body.node("Mul", "product", List.of("b", "column"), List.of("next_a"));
    body.node("Sub", "difference", List.of("row", "column"), List.of("out_1"));
    body.node("Identity", "same", List.of("a"), List.of("out_2"));
    for (String name : List.of("next_a", "next_b", "out_1", "out_2")) {
      body.output(name, OnnxElement.F32, 3);
    }
    OnnxGraphWriter graph = graph();
    graph.input("a0", OnnxElement.F32, 3);
    graph.input("b0", OnnxElement.F32, 3);
    graph.input("rows", OnnxElement.F32, "n", 3);
    graph.input("columns", OnnxElement.F32, 3, "n");
    graph.node("Scan", "scan", List.of("a0", "b0", "rows", "columns"), List.of("a_last", "b_last", "one_by_one", "two"),
        OnnxAttribute.graph("body", body), OnnxAttribute.of("num_scan_inputs", 2L), OnnxAttribute.ints("scan_input_axes", 0, -1),
        OnnxAttribute.ints("scan_input_directions", 0, 1), OnnxAttribute.ints("scan_output_axes", 1, 0),
        OnnxAttribute.ints("scan_output_directions", 0, 1));
    graph.output("a_last", OnnxElement.F32, 3);
    graph.output("b_last", OnnxElement.F32, 3);
    graph.output("one_by_one", OnnxElement.F32, 3, "n");
    graph.output("two", OnnxElement.F32, "n", 3);
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    inputs.put("a0", reals(3));
    inputs.put("b0", Tensor.f32(new float[] {1, -2, 3}, 3));
    inputs.put("rows", reals(4, 3));
    inputs.put("columns", reals(3, 4));
    check(graph, inputs);
  }

  /** As the standard defines Range by other operations: whether the first round runs is data, the body names no shapes. */
  @Test
  void theFirstRoundMayNotRun() throws OrtException {
    OnnxGraphWriter body = new OnnxGraphWriter(18);
    body.input("i", OnnxElement.I64);
    body.input("cond", OnnxElement.BOOL);
    body.input("prev", OnnxElement.F32);
    body.node("Identity", "go", List.of("cond"), List.of("cond_out"));
    body.node("Add", "step", List.of("prev", "delta"), List.of("current"));
    body.node("Identity", "keep", List.of("prev"), List.of("range"));
    body.output("cond_out", OnnxElement.BOOL);
    body.output("current", OnnxElement.F32);
    body.output("range", OnnxElement.F32);
    OnnxGraphWriter graph = graph();
    graph.input("start", OnnxElement.F32);
    graph.input("delta", OnnxElement.F32);
    graph.input("trips", OnnxElement.I64);
    graph.node("Cast", "any", List.of("trips"), List.of("some"), OnnxAttribute.of("to", 9L));
    graph.node("Loop", "loop", List.of("trips", "some", "start"), List.of("last", "all"), OnnxAttribute.graph("body", body));
    graph.output("last", OnnxElement.F32);
    graph.output("all", OnnxElement.F32, "n");
    for (long trips : new long[] {0, 4}) {
      check(graph, Map.of("start", Tensor.f32(new float[] {1.5f}), "delta", Tensor.f32(new float[] {-2}), "trips", Tensor.i64(new long[] {trips})));
    }
  }

  /** Sequences whose lengths are known are gone after the import. */
  @Test
  void sequencesAreTakenApart() throws OrtException {
    OnnxGraphWriter graph = graph();
    graph.initializer("first", OnnxContent.longs(new long[] {0}));
    graph.initializer("last", OnnxContent.longs(new long[] {-1}));
    graph.initializer("sizes", OnnxContent.longs(new long[] {1, 3, 2}, 3));
    graph.input("x", OnnxElement.F32, 6, 2);
    graph.input("y", OnnxElement.F32, 3, 2);
    graph.node("SplitToSequence", "split", List.of("x", "sizes"), List.of("parts"), OnnxAttribute.of("axis", 0L));
    graph.node("SequenceInsert", "insert", List.of("parts", "y", "first"), List.of("four"));
    graph.node("SequenceErase", "erase", List.of("four", "last"), List.of("three"));
    graph.node("SequenceAt", "at", List.of("three", "last"), List.of("end"));
    graph.node("SequenceLength", "length", List.of("three"), List.of("count"));
    graph.node("ConcatFromSequence", "join", List.of("three"), List.of("joined"), OnnxAttribute.of("axis", 0L));
    graph.node("SequenceConstruct", "pair", List.of("y", "end"), List.of("two"));
    graph.node("ConcatFromSequence", "stack", List.of("two"), List.of("stacked"), OnnxAttribute.of("axis", -1L), OnnxAttribute.of("new_axis", 1L));
    graph.node("SplitToSequence", "rows", List.of("y"), List.of("each"), OnnxAttribute.of("keepdims", 0L));
    graph.node("SequenceAt", "row", List.of("each", "first"), List.of("first_row"));
    for (String name : List.of("end", "count", "joined", "stacked", "first_row")) {
      graph.output(name);
    }
    check(graph, Map.of("x", reals(6, 2), "y", reals(3, 2)));
  }

  private static Tensor reals(long... shape) {
    Tensor t = new Tensor(ElementType.F32, shape);
    for (int i = 0; i < t.size(); i++) {
      t.set(i, Math.sin(3 * i + 1));
    }
    return t;
  }

  private void check(OnnxGraphWriter graph, Map<String, Tensor> inputs) throws OrtException {
    Path file = folder.resolve("loop.onnx");
    graph.write(file);
    try (ImportedModel model = OnnxImporter.importGraph(file)) {
      Verifier.verify(model.module());
      assertEquals(model.module().toString(), CirReader.parse(model.module().toString(), "text", WeightFiles.NONE).toString());
    }
    Path artifact = folder.resolve("loop.catena");
    CommandResult result = CatenaCommand.run("compile", file, "-o", artifact, "--target", "cpu,sm_86");
    assertEquals(0, result.status(), result.err());
    Map<String, TensorValue> values = new LinkedHashMap<>();
    inputs.forEach((name, t) -> values.put(name, new TensorValue(t.element().keyword(), t.shape(), ByteBuffer.wrap(TensorBytes.of(t)))));
    Map<String, Tensor> wanted = OnnxRuntimeGraph.outputs(file, inputs);
    for (String device : List.of("cpu:0", "sim:0")) {
      try (TensorModel model = TensorModel.open(artifact, device); TensorSession session = model.newSession(2)) {
        Map<String, TensorValue> got = session.run(values);
        wanted.forEach((name, want) -> compare(device + ", " + name, want, got.get(name)));
      }
    }
  }

  private static void compare(String what, Tensor want, TensorValue value) {
    assertArrayEquals(want.shape(), value.dims(), what);
    Tensor t = TensorBytes.read(want.element(), value.dims(), value.data());
    for (int i = 0; i < want.size(); i++) {
      assertEquals(want.get(i), t.get(i), 1e-5 * Math.max(1, Math.abs(want.get(i))), what + ", element " + i);
    }
  }
}
