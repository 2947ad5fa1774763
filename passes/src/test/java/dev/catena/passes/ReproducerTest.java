package dev.catena.passes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.ir.Dialects;
import dev.catena.ir.ElementType;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.text.CirReader;
import dev.catena.ir.text.WeightFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a pass leaves that breaks an invariant. */
class ReproducerTest {
  private static final String TEXT = """
      module @m {
        stage @s(%x: tensor<f32, [?n, 4]>) -> (y: tensor<f32, [?n, 4]>) {
          %same = onnx.Identity %x : tensor<f32, [?n, 4]>
          %y = onnx.Neg %same : tensor<f32, [?n, 4]>
          return %y
        }
      }
      """;

  /** A pass with a mistake: it states a type that the operation doesn't give. */
  private static final class Mistaken extends Pass {
    Mistaken() {
      super("mistaken", "states a wrong type");
    }

    @Override
    protected void run(Module module, PassOptions options, PassContext context) {
      Operation op = module.stages().get(0).operations().get(0);
      op.result().setType(TensorType.of(ElementType.F16, 3));
    }
  }

  @TempDir Path folder;

  @Test
  void theFailureNamesPassInvariantStageAndOperation() {
    PassException e = assertThrows(PassException.class, () -> Pipeline.of(Passes.get("clean"), new Mistaken())
        .run(CirReader.parse(TEXT, "m.cir", WeightFiles.NONE), new PassContext().verifyEach(true)));
    for (String part : List.of("after pass mistaken", "types", "@s", "onnx.Neg (m.cir:4)", "tensor<f16, [3]>")) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
  }

  @Test
  void theModuleBeforeTheFailingPassAndItsCommandAreLeft() throws IOException {
    Module module = CirReader.parse(TEXT, "m.cir", WeightFiles.NONE);
    List<String> told = new ArrayList<>();
    PassContext context = new PassContext().verifyEach(true).observe(new Reproducer(folder, "", told::add));
    assertThrows(PassException.class, () -> Pipeline.of(Passes.get("clean"), new Mistaken()).run(module, context));
    String before = Files.readString(folder.resolve("before-mistaken.cir"));
    Module again = CirReader.parse(before, "before-mistaken.cir", WeightFiles.NONE);
    assertEquals(1, again.stages().get(0).operations().size(), "clean has run");
    String command = Files.readString(folder.resolve("command.txt"));
    assertTrue(command.contains("catena opt '" + folder.resolve("before-mistaken.cir") + "' --pipeline 'mistaken'"), command);
    assertTrue(command.contains("onnx.Neg"), command);
    assertTrue(told.get(0).contains("catena opt"), told.toString());
    assertThrows(PassException.class, () -> Pipeline.of(new Mistaken()).run(again, new PassContext().verifyEach(true)));
  }

  @Test
  void withoutVerifyEachNothingIsChecked() {
    Stage stage = new Stage("s");
    stage.append(Dialects.get("nn.silu"), List.of(stage.addArgument("x", TensorType.of(ElementType.F32, 4))), Map.of());
    Module module = new Module("m");
    module.addStage(stage);
    Pipeline.of(new Mistaken()).run(module, new PassContext());
    assertEquals(TensorType.of(ElementType.F16, 3), stage.operations().get(0).result().type());
  }
}
