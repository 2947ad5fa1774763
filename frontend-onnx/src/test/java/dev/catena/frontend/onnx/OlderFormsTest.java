package dev.catena.frontend.onnx;

import static dev.catena.frontend.onnx.ModelBytes.F32;
import static dev.catena.frontend.onnx.ModelBytes.I64;
import static dev.catena.frontend.onnx.ModelBytes.integer;
import static dev.catena.frontend.onnx.ModelBytes.integers;
import static dev.catena.frontend.onnx.ModelBytes.real;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.catena.ir.Evaluator;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What old opsets wrote as attributes, and what they meant by it, in the dialect's one form. */
class OlderFormsTest {
  @TempDir
  Path folder;

  private Tensor run(ModelBytes model, Tensor... inputs) {
    try (ImportedModel m = OnnxImporter.importStage(model.write(folder.resolve("m.onnx")))) {
      List<EvalValue> out = new Evaluator().run(m.module().stages().get(0), new ArrayList<>(List.of(inputs)));
      return (Tensor) out.get(0);
    }
  }

  private static Tensor counted(long... shape) {
    Tensor t = Tensor.f32(new float[Tensor.count(shape)], shape);
    for (int i = 0; i < t.size(); i++) {
      t.set(i, i);
    }
    return t;
  }

  private static void same(Tensor want, Tensor got) {
    assertNull(TestData.difference(want, got, 1e-6, 1e-7));
  }

  @Test
  void softmaxBeforeOpset13TakesAllAxesFromTheNamedOneTogether() {
    ModelBytes m = new ModelBytes().opset(11).input("x", F32, 2, 1, 2).output("y", F32, 2, 1, 2).node("Softmax", "x", "y");
    double e = Math.exp(1);
    float low = (float) (1 / (1 + e));
    float high = (float) (e / (1 + e));
    same(Tensor.f32(new float[] {low, high, low, high}, 2, 1, 2), run(m, counted(2, 1, 2)));
    ModelBytes all = new ModelBytes().opset(11).input("x", F32, 2, 2).output("y", F32, 2, 2)
        .node("Softmax", "x", "y", integer("axis", 0));
    Tensor y = run(all, counted(2, 2));
    double sum = y.get(0) + y.get(1) + y.get(2) + y.get(3);
    assertEquals(1, sum, 1e-6, "one distribution over everything");
    assertEquals(Math.exp(1), y.get(1) / y.get(0), 1e-5);
  }

  @Test
  void axesOfSqueezeUnsqueezeAndReductions() {
    ModelBytes m = new ModelBytes().opset(11).input("x", F32, 1, 3, 1, 2).output("y", F32, "a", "b")
        .node("Squeeze", "x", "s", integers("axes", 0, -2)).node("Unsqueeze", "s", "u", integers("axes", 0, 3))
        .node("ReduceSum", "u", "y", integers("axes", 1), integer("keepdims", 0));
    same(Tensor.f32(new float[] {6, 9}, 1, 2, 1), run(m, counted(1, 3, 1, 2)));
  }

  @Test
  void sliceAndClipAndSplitAndTopK() {
    ModelBytes slice = new ModelBytes().opset(9).input("x", F32, 3, 4).output("y", F32, 1, 2)
        .node("Slice", "x", "y", integers("starts", -2, 1), integers("ends", 2, Long.MAX_VALUE), integers("axes", 0, 1));
    same(Tensor.f32(new float[] {5, 6, 7}, 1, 3), run(slice, counted(3, 4)));
    ModelBytes clip = new ModelBytes().opset(9).input("x", F32, 4).output("y", F32, 4)
        .node("Clip", "x", "y", real("min", 1), real("max", 2));
    same(Tensor.f32(new float[] {1, 1, 2, 2}, 4), run(clip, counted(4)));
    ModelBytes split = new ModelBytes().opset(11).input("x", F32, 4).output("y", F32, 3)
        .node("Split", "x", "z y", integers("split", 1, 3));
    same(Tensor.f32(new float[] {1, 2, 3}, 3), run(split, counted(4)));
    ModelBytes top = new ModelBytes().opset(9).input("x", F32, 4).output("y", F32, 2).node("TopK", "x", "y i", integer("k", 2));
    same(Tensor.f32(new float[] {3, 2}, 2), run(top, counted(4)));
  }

  @Test
  void dropoutDoesNothing() {
    ModelBytes m = new ModelBytes().opset(10).input("x", F32, 4).output("y", F32, 4).node("Dropout", "x", "y", real("ratio", 0.5f));
    same(counted(4), run(m, counted(4)));
  }

  @Test
  void initializersListedAsInputsAreNoArguments() {
    ModelBytes m = new ModelBytes().opset(8).input("x", F32, 2).input("w", F32, 2).output("y", F32, 2)
        .initializer(ModelBytes.tensor("w", F32, new long[] {2}, ModelBytes.floats(2))).node("Add", "x w", "y");
    same(Tensor.f32(new float[] {0, 1.5f}, 2), run(m, counted(2)));
  }

  @Test
  void nodesOutOfOrderAreSorted() {
    ModelBytes m = new ModelBytes().input("x", F32, 2).output("y", F32, 2)
        .node("Neg", "a", "y").node("Exp", "b", "a").node("Relu", "x", "b");
    same(Tensor.f32(new float[] {-1, (float) -Math.exp(1)}, 2), run(m, counted(2)));
  }

  @Test
  void aShapeComputedInTheGraphIsSeenThrough() {
    ModelBytes m = new ModelBytes().input("x", F32, "b", "s", 8).output("y", F32, "b", "s", 2, 4)
        .initializer(ModelBytes.tensor("i01", I64, new long[] {2}, ModelBytes.longs(0, 1)))
        .initializer(ModelBytes.tensor("t", I64, new long[] {2}, ModelBytes.longs(2, -1)))
        .node("Shape", "x", "sh").node("Gather", "sh i01", "bs").node("Concat", "bs t", "to", integer("axis", 0))
        .node("Reshape", "x to", "y");
    try (ImportedModel model = OnnxImporter.importStage(m.write(folder.resolve("m.onnx")))) {
      assertEquals("tensor<f32, [?b, ?s, 2, 4]>", model.module().stages().get(0).outputs().get(0).type().text());
    }
  }
}
