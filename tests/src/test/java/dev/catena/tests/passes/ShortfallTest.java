package dev.catena.tests.passes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.passes.PassContext;
import dev.catena.passes.PassException;
import dev.catena.passes.Pipeline;
import dev.catena.passes.rules.RuleExplanation;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.Form;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A layer that didn't become what it should is told by the operation that broke the match. */
class ShortfallTest {
  private static final LlamaShape SHAPE = LlamaShape.of(4, 2, 20, 96, 105, 2, 40);

  @TempDir Path folder;

  @BeforeEach
  void strangeModel() {
    LlamaModel.write(folder, SHAPE, ExportStyle.F32.with(Form.STRANGE), 5);
  }

  @Test
  void theWarningNamesTheOperation() {
    PassContext context = new PassContext();
    try (ImportedModel imported = OnnxImporter.importModel(folder)) {
      Pipeline.parse("fold,widen,clean,sizes,rope-tables,raise,causal-mask,share,merge").run(imported.module(), context);
      assertEquals(2, context.warnings().size(), "one for each layer: " + context.warnings());
      String warning = context.warnings().get(1);
      assertTrue(warning.startsWith("decoder_1: ") && warning.contains("attention 0 of 1")
          && warning.contains("onnx.Tanh %strange_tanh (decoder-merge-1.onnx: node '/strange/Tanh')"), warning);
      PassException e = assertThrows(PassException.class,
          () -> Pipeline.parse("kv-cache").run(imported.module(), new PassContext()));
      assertTrue(e.getMessage().contains("node '/strange/Tanh'") && !e.getMessage().contains("\n"), e.getMessage());
    }
  }

  @Test
  void theExplanationTellsWhatDiffers() {
    try (ImportedModel imported = OnnxImporter.importModel(folder)) {
      Pipeline.parse("fold,widen,clean,sizes,rope-tables").run(imported.module(), new PassContext());
      String text = RuleExplanation.of("attention", imported.module());
      assertTrue(text.contains("@decoder_0: matched 0 times") && text.contains("@decoder_0: nearly matched")
          && text.contains("found onnx.Tanh"), text);
    }
  }
}
