package dev.catena.frontend.onnx;

import static dev.catena.frontend.onnx.ModelBytes.F32;
import static dev.catena.frontend.onnx.ModelBytes.I64;
import static dev.catena.frontend.onnx.ModelBytes.integer;
import static dev.catena.frontend.onnx.ModelBytes.integers;
import static dev.catena.frontend.onnx.ModelBytes.text;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Small files that stand for far more than they are long: refused before what they stand for is made. */
class GrowingModelsTest {
  private static final int BOOL = 9;

  @TempDir Path folder;

  private static ModelBytes model() {
    return new ModelBytes().input("x", F32, 4).output("y", F32);
  }

  private void refused(ModelBytes model, String... parts) {
    Path file = model.write(folder.resolve("m.onnx"));
    Refusal.of(() -> OnnxImporter.importGraph(file), parts);
  }

  private static String repeated(String name, int times) {
    return (name + " ").repeat(times).strip();
  }

  private static String counted(String name, int count) {
    return IntStream.range(0, count).mapToObj(i -> name + i).collect(Collectors.joining(" "));
  }

  private static ModelBytes calls(ModelBytes model, int times) {
    for (int i = 0; i < times; i++) {
      model.node("own", "F", "", i == 0 ? "x" : "t" + i, i == times - 1 ? "y" : "t" + (i + 1));
    }
    return model;
  }

  @Test
  void inputsOfFunctions() {
    ModelBytes body = new ModelBytes().node("Sum", repeated("in", 10_000), "out");
    refused(calls(model().function("F", "in", "out", body), 10_000), "m.onnx: the nodes that the model's functions make", "524288 inputs");
  }

  @Test
  void attributesOfFunctions() {
    byte[][] attributes = IntStream.range(0, 5000).mapToObj(i -> integer("a" + i, 1)).toArray(byte[][]::new);
    ModelBytes body = new ModelBytes().node("Neg", "in", "out", attributes);
    refused(calls(model().function("F", "in", "out", body), 10_000), "524288 inputs, outputs and attributes");
  }

  @Test
  void initializersOfFunctions() {
    ModelBytes branch = new ModelBytes().node("Neg", "in", "r").output("r", F32);
    for (int i = 0; i < 5000; i++) {
      branch.initializer(ModelBytes.tensor("w" + i, F32, new long[0], ModelBytes.floats(1)));
    }
    ModelBytes body = new ModelBytes().node("If", "c", "out", branch.asAttribute("then_branch"), branch.asAttribute("else_branch"));
    refused(calls(model().function("F", "in", "out", body), 500), "524288 inputs, outputs and attributes");
  }

  @Test
  void constantsOfFunctions() {
    ModelBytes body = new ModelBytes().node("Constant", "", "k", integers("value_ints", new long[1024])).node("Identity", "in", "out");
    refused(calls(model().function("F", "in", "out", body), 2000), "m.onnx: node", "constants of more than 1048576 elements");
  }

  @Test
  void branchesOfFunctionsInBranches() {
    ModelBytes m = model().input("c", BOOL);
    for (int i = 0; i < 40; i++) {
      byte[] then = new ModelBytes().node("own", "F" + (i + 1), "", "in c", "r").output("r", F32).asAttribute("then_branch");
      byte[] otherwise = new ModelBytes().node("Neg", "in", "e").output("e", F32).asAttribute("else_branch");
      m.function("F" + i, "in c", "out", new ModelBytes().node("If", "c", "out", then, otherwise));
    }
    m.function("F40", "in c", "out", new ModelBytes().node("Neg", "in", "out")).node("own", "F0", "", "x c", "y");
    refused(m, "m.onnx: node", "If is nested more than 32 deep");
  }

  @Test
  void piecesOfSequences() {
    ModelBytes m = new ModelBytes().input("x", F32, 4096).output("y", F32);
    for (int i = 0; i < 20; i++) {
      m.node("SplitToSequence", "x", "s" + i);
    }
    refused(m.node("ConcatFromSequence", "s0", "y", integer("axis", 0)), "SplitToSequence", "more than 131072 operations");
  }

  @Test
  void sequencesThatAreCopied() {
    ModelBytes m = model().node("SequenceConstruct", repeated("x", 4000), "s0");
    for (int i = 0; i < 300; i++) {
      m.node(i % 2 == 0 ? "SequenceErase" : "SequenceInsert", "s" + i + (i % 2 == 0 ? "" : " x"), "s" + (i + 1));
    }
    refused(m, "more than 1048576 tensors in all sequences");
  }

  @Test
  void stepsOfCode() {
    ModelBytes m = model();
    for (int i = 0; i < 30_000; i++) {
      String from = i == 0 ? "x" : "a" + i;
      m.node("Add", from + " " + from, i == 29_999 ? "y" : "a" + (i + 1));
    }
    refused(m, "m.onnx: node ", "more than 131072 steps");
  }

  @Test
  void termsOfEinsum() {
    refused(model().node("Einsum", repeated("x", 1000), "y", text("equation", repeated("a", 1000).replace(' ', ',') + "->a")),
        "Einsum has 1000 inputs");
    refused(model().node("Einsum", "x", "y", text("equation", "a->aa")), "names a letter twice");
  }

  /** Each state takes the size that the one before it had: all are of sizes that change, after a few attempts. */
  @Test
  void loopsWhoseSizesChangeOneByOne() {
    int states = 100;
    ModelBytes body = new ModelBytes().input("i", I64).input("on", BOOL);
    for (int i = 0; i < states; i++) {
      body.input("s" + i, F32, "n" + i);
    }
    body.node("Identity", "on", "go").output("go", BOOL).node("Concat", "s0 s0", "o0", integer("axis", 0)).output("o0", F32, "m");
    for (int i = 1; i < states; i++) {
      body.node("Identity", "s" + (i - 1), "o" + i).output("o" + i, F32, "m");
    }
    ModelBytes m = model().input("trips", I64).node("Loop", "trips - " + repeated("x", states),
        "y " + counted("r", states - 1), body.asAttribute("body"));
    try (ImportedModel imported = OnnxImporter.importGraph(m.write(folder.resolve("m.onnx")))) {
      List<String> sizes = imported.module().stages().get(0).outputs().stream().map(v -> v.type().text()).toList();
      assertEquals(1, sizes.size());
    }
  }
}
