package dev.catena.frontend.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.ir.Stage;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** If on what a shape says is the branch that is taken; anything else is refused in one line. */
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
  void aConditionOnDataIsRefusedByName() {
    ModelBytes m = new ModelBytes().input("x", ModelBytes.F32, 2, 3).input("c", BOOL).output("y", ModelBytes.F32, 2, 3)
        .node("If", "c", "y", branch("then_branch", "Neg"), branch("else_branch", "Exp"));
    Path file = m.write(folder.resolve("m.onnx"));
    Refusal.of(() -> OnnxImporter.importStage(file), "m.onnx: node '/If_3': If depends on 'c', which isn't known");
  }

  @Test
  void aMissingBranchIsRefused() {
    Path file = onShape(1, branch("then_branch", "Neg"), ModelBytes.integer("unused", 1)).write(folder.resolve("m.onnx"));
    Refusal.of(() -> OnnxImporter.importStage(file), "lacks a branch with 1 outputs");
  }

  @Test
  void endlessNestingIsRefused() {
    byte[] inner = branch("then_branch", "Neg");
    for (int i = 0; i < 40; i++) {
      inner = new ModelBytes().node("If", "c", "z" + i, inner).output("z" + i, ModelBytes.F32, 2, 3).asAttribute("then_branch");
    }
    Path file = onShape(0, inner, branch("else_branch", "Exp")).write(folder.resolve("m.onnx"));
    Refusal.of(() -> OnnxImporter.importStage(file), "nested more than 32 deep");
  }
}
