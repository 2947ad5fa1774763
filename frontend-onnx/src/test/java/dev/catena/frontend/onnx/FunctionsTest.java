package dev.catena.frontend.onnx;

import static dev.catena.frontend.onnx.ModelBytes.F32;
import static dev.catena.frontend.onnx.ModelBytes.real;
import static dev.catena.frontend.onnx.ModelBytes.reference;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.ir.ElementType;
import dev.catena.ir.Evaluator;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Functions that a model brings with it stand where they are called. */
class FunctionsTest {
  private static final int REAL = 1;

  @TempDir Path folder;

  private static ModelBytes model() {
    return new ModelBytes().input("x", F32, 1).output("y", F32, 1);
  }

  private ImportedModel imported(ModelBytes model) {
    return OnnxImporter.importStage(model.write(folder.resolve("m.onnx")));
  }

  private double at(ModelBytes model, double x) {
    try (ImportedModel m = imported(model)) {
      Stage stage = m.module().stages().get(0);
      return ((Tensor) new Evaluator().run(stage, List.of(Tensor.f32(new float[] {(float) x}, 1))).get(0)).get(0);
    }
  }

  /** 1 / (1 + alpha · x); called "a" and "t" as the model's own values are. */
  private static ModelBytes squash() {
    return new ModelBytes().node("Constant", "", "a", reference("value_float", "alpha", REAL))
        .node("Mul", "in a", "t").node("Constant", "", "one", real("value_float", 1)).node("Add", "t one", "u")
        .node("Reciprocal", "u", "out");
  }

  @Test
  void takesTheCallersValuesAndAttributes() {
    ModelBytes m = model().function("Squash", "in", "out", squash())
        .node("own", "Squash", "first", "x", "t", real("alpha", 2)).node("own", "Squash", "second", "t", "y", real("alpha", 3));
    assertEquals(1 / (1 + 3 / 11.0), at(m, 5), 1e-6);
  }

  @Test
  void hasDefaultsAndCallsOthers() {
    ModelBytes twice = new ModelBytes().node("own", "Squash", "s", "p", "q").node("Add", "q q", "r");
    ModelBytes m = model().function("Twice", "p", "r", twice).function("Squash", "in", "out", squash(), real("alpha", 4))
        .node("own", "Twice", "t", "x", "y");
    assertEquals(2 / 21.0, at(m, 5), 1e-6);
  }

  @Test
  void standsInBranchesToo() {
    byte[] then = new ModelBytes().node("own", "Squash", "s", "x", "squashed").output("squashed", F32, 1).asAttribute("then_branch");
    byte[] otherwise = new ModelBytes().node("Neg", "x", "negated").output("negated", F32, 1).asAttribute("else_branch");
    ModelBytes m = new ModelBytes().input("x", F32, 1).input("c", 9).output("y", F32, 1)
        .function("Squash", "in", "out", squash(), real("alpha", 1)).node("If", "c", "y", then, otherwise);
    try (ImportedModel model = imported(m)) {
      Tensor yes = new Tensor(ElementType.BOOL);
      yes.setLong(0, 1);
      Tensor x = Tensor.f32(new float[] {1}, 1);
      assertEquals(0.5, ((Tensor) new Evaluator().run(model.module().stages().get(0), List.of(x, yes)).get(0)).get(0), 1e-6);
    }
  }

  @Test
  void messagesNameTheCall() {
    ModelBytes m = model().function("F", "in", "out", new ModelBytes().node("", "NoSuch", "inner", "in", "out"))
        .node("own", "F", "/layers.0/f", "x", "y");
    Refusal.of(() -> imported(m), "m.onnx: node '/layers.0/f/inner': operation NoSuch");
  }

  @Test
  void whatCallsItselfIsRefused() {
    ModelBytes m = model().function("F", "in", "out", new ModelBytes().node("own", "G", "g", "in", "out"))
        .function("G", "in", "out", new ModelBytes().node("own", "F", "f", "in", "out")).node("own", "F", "f", "x", "y");
    Refusal.of(() -> imported(m), "m.onnx", "function F calls itself");
  }

  @Test
  void whatGrowsWithoutEndIsRefused() {
    ModelBytes m = model();
    for (int i = 0; i < 40; i++) {
      m.function("F" + i, "in", "out", new ModelBytes().node("own", "F" + (i + 1), "a", "in", "t").node("own", "F" + (i + 1), "b", "t", "out"));
    }
    m.function("F40", "in", "out", new ModelBytes().node("Neg", "in", "out")).node("own", "F0", "f", "x", "y");
    Refusal.of(() -> imported(m), "m.onnx", "more than 65536 nodes");
  }

  @Test
  void longNamesOfManyCallsAreRefused() {
    String name = "n".repeat(60_000);
    ModelBytes body = new ModelBytes();
    for (int i = 0; i < 8; i++) {
      body.node("Neg", i == 0 ? "in" : name + i, i == 7 ? "out" : name + (i + 1));
    }
    ModelBytes m = model().function("F", "in", "out", body);
    for (int i = 0; i < 200; i++) {
      m.node("own", "F", "f", i == 0 ? "x" : "t" + i, i == 199 ? "y" : "t" + (i + 1));
    }
    Refusal.of(() -> imported(m), "m.onnx", "names in the model's functions are too long");
  }

  @Test
  void endlessNestingIsRefused() {
    ModelBytes m = model();
    for (int i = 0; i < 5000; i++) {
      m.function("F" + i, "in", "out", new ModelBytes().node("own", "F" + (i + 1), "a", "in", "out"));
    }
    m.node("own", "F0", "f", "x", "y");
    Refusal.of(() -> imported(m), "m.onnx", "more than 64 deep");
  }

  @Test
  void twoOfOneNameAreRefused() {
    ModelBytes m = model().function("F", "in", "out", squash()).function("F", "in", "out", squash()).node("own", "F", "f", "x", "y");
    Refusal.of(() -> imported(m), "m.onnx: two functions are named 'F'");
  }
}
