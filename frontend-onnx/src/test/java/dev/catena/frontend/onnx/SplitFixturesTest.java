package dev.catena.frontend.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.Verifier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole split models, as an exporter wrote them: imported, then evaluated piece by piece against PyTorch's results. */
class SplitFixturesTest {
  @ParameterizedTest
  @CsvSource({"split, 1e-4", "split-if, 1e-4", "split-gatherelems, 1e-4", "split-fp16, 5e-3"})
  void everyPieceComputesWhatTorchDid(String layout, double tolerance) throws IOException {
    Path folder = SharedFiles.path("fixtures/nano-gqa/" + layout);
    int compared = 0;
    try (ImportedModel model = OnnxImporter.importModel(folder)) {
      Verifier.verify(model.module());
      Evaluator evaluator = new Evaluator();
      for (Stage stage : model.module().stages()) {
        String piece = stage.textAttribute("source").replace(".onnx", "");
        for (int set = 0; Files.exists(folder.resolve("test/" + piece + "/test_data_set_" + set)); set++) {
          Path data = folder.resolve("test/" + piece + "/test_data_set_" + set);
          List<EvalValue> got = evaluator.run(stage, new ArrayList<>(TestData.read(data, "input")));
          List<Tensor> want = TestData.read(data, "output");
          for (int i = 0; i < want.size(); i++) {
            double error = TestData.relativeError(want.get(i), got.get(i));
            assertTrue(error <= tolerance, piece + " set " + set + " output " + i + ": error " + error);
            compared++;
          }
        }
      }
    }
    assertEquals(5 * (1 + 2 * 3 + 1 + 1), compared, "outputs compared: 5 sets of embed, two decoders, norm, head");
  }

  @Test
  void stagesAreNamedAndDescribed() {
    try (ImportedModel model = OnnxImporter.importModel(SharedFiles.path("models/stories260K/split"))) {
      assertEquals("split", model.module().name());
      assertEquals(List.of("embed", "decoder_0", "decoder_1", "decoder_2", "decoder_3", "decoder_4", "norm", "head"),
          model.module().stages().stream().map(Stage::name).toList());
      assertEquals("input", model.module().stage("embed").textAttribute("arg.ids"));
      assertEquals("output", model.module().stage("head").textAttribute("out.logits"));
      Stage decoder = model.module().stage("decoder_3");
      assertEquals("decoder", decoder.textAttribute("role"));
      assertEquals("decoder-merge-3.onnx", decoder.textAttribute("source"));
      assertEquals("hidden_in", decoder.textAttribute("arg.hidden"));
      assertEquals("attn_mask", decoder.textAttribute("arg.mask"));
      assertEquals("position_ids", decoder.textAttribute("arg.positions"));
      assertEquals("past_key_in", decoder.textAttribute("arg.past_key"));
      assertEquals("past_value_in", decoder.textAttribute("arg.past_value"));
      assertEquals("hidden_out", decoder.textAttribute("out.hidden"));
      assertEquals("past_key", decoder.textAttribute("out.present_key"));
      assertEquals("past_value", decoder.textAttribute("out.present_value"));
      assertEquals("[tensor<f32, [1, ?seq, 64]>, tensor<f32, [1, 4, ?past + ?seq, 8]>, tensor<f32, [1, 4, ?past + ?seq, 8]>]",
          decoder.outputs().stream().map(v -> v.type().text()).toList().toString());
    }
  }

  @Test
  void tablesRepeatedInEveryPieceBecomeOneWeight() {
    try (ImportedModel model = OnnxImporter.importModel(SharedFiles.path("models/tale/split"))) {
      long tables = model.module().weights().keySet().stream().filter(n -> n.contains("rope")).count();
      assertEquals(2, tables, "cos and sin, once each: " + model.module().weights().keySet());
      Stage last = model.module().stage("decoder_5");
      assertEquals(List.of("decoder-merge-5.onnx", "decoder-merge-0.onnx"),
          model.filesOf(last).stream().map(f -> f.name()).toList());
    }
  }

  @Test
  void anIfOnAShapeImportsAsTheBranchItTakes() {
    try (ImportedModel model = OnnxImporter.importModel(SharedFiles.path("fixtures/nano-gqa/split-if"))) {
      for (Stage stage : model.module().stages()) {
        assertTrue(stage.operations().stream().noneMatch(o -> o.is("onnx.If")), stage.name());
      }
    }
  }
}
