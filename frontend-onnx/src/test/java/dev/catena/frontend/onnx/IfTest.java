package dev.catena.frontend.onnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.ir.ElementType;
import dev.catena.ir.Evaluator;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** If on what a shape says is the branch that is taken; anything else stays a choice of both. */
class IfTest {
  private static final int BOOL = 9;

  @TempDir Path folder;

  private static byte[] branch(String name, String operation) {
    return new ModelBytes().node(operation, "x", "branch_" + operation).output("branch_" + operation, ModelBytes.F32, 2, 3)
        .asAttribute(name);
  }

  private static ModelBytes onShape(long axis, byte[] then, byte[] otherwise) {
    return new ModelBytes().input("x", ModelBytes.F32, 2, 3).output("y", ModelBytes.F32, 2, 3)
        .initializer(ModelBytes.tensor("axis", ModelBytes.I64, new long[0], ModelBytes.longs(axis)))
        .initializer(ModelBytes.tensor("two", ModelBytes.I64, new long[0], ModelBytes.longs(2)))
        .node("If", "is_two", "y", then, otherwise)
        .node("Shape", "x", "shape").node("Gather", "shape axis", "size").node("Equal", "size two", "is_two");
  }

  private Stage stage(ModelBytes model) {
    try (ImportedModel m = OnnxImporter.importStage(model.write(folder.resolve("m.onnx")))) {
      return m.module().stages().get(0);
    }
  }

  @Test
  void theShapeDecides() {
    assertTrue(stage(onShape(0, branch("then_branch", "Neg"), branch("else_branch", "Exp"))).outputs().get(0).producer().is("onnx.Neg"));
    assertTrue(stage(onShape(1, branch("then_branch", "Neg"), branch("else_branch", "Exp"))).outputs().get(0).producer().is("onnx.Exp"));
  }

  @Test
  void theBranchThatIsNotTakenIsNotRead() {
    Stage s = stage(onShape(1, branch("then_branch", "NoSuchOperation"), branch("else_branch", "Exp")));
    assertEquals(1, s.outputs().size());
  }

  @Test
  void aConditionOnDataStaysAChoice() {
    Stage s = stage(new ModelBytes().input("x", ModelBytes.F32, 2, 3).input("c", BOOL).output("y", ModelBytes.F32, 2, 3)
        .node("If", "c", "y", branch("then_branch", "Neg"), branch("else_branch", "Exp")));
    assertTrue(s.outputs().get(0).producer().is("onnx.If"));
    assertArrayEquals(new double[] {-1, -2, -3, 0, 1, 2}, run(s, true), 0);
    assertArrayEquals(new double[] {Math.exp(1), Math.exp(2), Math.exp(3), 1, Math.exp(-1), Math.exp(-2)}, run(s, false),
        1e-6);
  }

  private static double[] run(Stage s, boolean condition) {
    Tensor c = new Tensor(ElementType.BOOL, new long[0]);
    c.setLong(0, condition ? 1 : 0);
    Tensor x = new Tensor(ElementType.F32, new long[] {2, 3});
    for (int i = 0; i < 6; i++) {
      x.set(i, i < 3 ? i + 1 : 3 - i);
    }
    Tensor y = (Tensor) new Evaluator().run(s, List.of(x, c)).get(0);
    return IntStream.range(0, 6).mapToDouble(y::get).toArray();
  }

  @Test
  void aMissingBranchIsRefused() {
    Path file = onShape(1, branch("then_branch", "Neg"), ModelBytes.integer("unused", 1)).write(folder.resolve("m.onnx"));
    Refusal.of(() -> OnnxImporter.importStage(file), "lacks a branch with 1 outputs");
  }

  /** As deep as protobuf's readers read: each level negates, and takes the branch on data. */
  @Test
  void branchesInBranches() {
    byte[] inner = branch("then_branch", "Neg");
    int levels = 30;
    for (int i = 0; i < levels; i++) {
      inner = new ModelBytes().node("If", "c", "z" + i, inner, branch("else_branch", "Exp")).output("z" + i, ModelBytes.F32, 2, 3)
          .asAttribute("then_branch");
    }
    Stage s = stage(new ModelBytes().input("x", ModelBytes.F32, 2, 3).input("c", BOOL).output("y", ModelBytes.F32, 2, 3)
        .node("If", "c", "y", inner, branch("else_branch", "Exp")));
    assertArrayEquals(new double[] {-1, -2, -3, 0, 1, 2}, run(s, true), 0);
  }

  @Test
  void endlessNestingIsRefused() {
    byte[] inner = branch("then_branch", "Neg");
    for (int i = 0; i < 40; i++) {
      inner = new ModelBytes().node("If", "c", "z" + i, inner).output("z" + i, ModelBytes.F32, 2, 3).asAttribute("then_branch");
    }
    Path file = onShape(0, inner, branch("else_branch", "Exp")).write(folder.resolve("m.onnx"));
    Refusal.of(() -> OnnxImporter.importStage(file), "nested more than 100 deep");
  }
}
