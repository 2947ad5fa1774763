package dev.catena.tests.endtoend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.runtime.CatenaModel;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.Form;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.LogitsAssert;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Models that come quantized keep their codes and scales, whatever bits are asked for: compiled, they agree with ONNX Runtime,
 * which an added rounding of the weights would not.
 */
class QuantizedImportTest {
  private static final LlamaShape SHAPE = LlamaShape.of(4, 2, 20, 172, 105, 1, 40);
  private static final int[] IDS = ModelBench.prompt(20, SHAPE.vocab(), 5);

  @TempDir Path folder;

  @ParameterizedTest(name = "{0} {4}, opset {1}, asked for {3} bits")
  @CsvSource({"INT8_TENSOR, 14, 'quant<u8, group K, scale f32, [', 4, WEIGHT_TRANSPOSED",
      "INT8_CHANNEL, 14, 'quant<u8, group K, scale f32, [', 2, GEMM",
      "UINT8_CHANNEL, 13, 'quant<u8, group K, scale f32, zero u8, [', 16, QKV_SPLIT",
      "INT4_BLOCK, 21, 'quant<u4, group 16, scale f32, [', 8, NORM_WITHOUT_CASTS",
      "UINT4_BLOCK, 21, 'quant<u4, group 16, scale f32, zero u4, [', 32, NORM_WITHOUT_CASTS"})
  void codesAndScalesAreKept(Form storage, int opset, String type, int bits, Form style) {
    PieceFolder pieces = LlamaModel.write(folder.resolve("model"), SHAPE, ExportStyle.F32.withOpset(opset).with(storage, style), 21);
    Path artifact = ModelBench.compile(pieces, folder.resolve("model.catena"), "--wbits", bits, "--head-bits", bits, "--kv-bits", 32);
    assertEquals(List.of(type), matrices(artifact), "stored");
    try (CompiledModel model = new CompiledModel(artifact)) {
      LogitsAssert.assertClose(ModelBench.judge(pieces, IDS, 1).logits(), model.feed(IDS), 1e-3, "against ONNX Runtime");
    }
  }

  /** Activations, which ONNX Runtime rounds to 8 bits when it knows them, stay f32; so there is a small difference. */
  @ParameterizedTest
  @CsvSource({"DYNAMIC_INT8, 'quant<u8, group K, scale f32, ['", "DYNAMIC_UINT8_CHANNEL, 'quant<u8, group K, scale f32, zero u8, ['"})
  void dynamicQuantizationKeepsTheMatrices(Form storage, String type) {
    PieceFolder pieces = LlamaModel.write(folder.resolve("model"), SHAPE, ExportStyle.F32.with(storage), 22);
    Path artifact = ModelBench.compile(pieces, folder.resolve("model.catena"), "--wbits", 4, "--kv-bits", 32);
    assertEquals(List.of(type), matrices(artifact), "stored");
    try (CompiledModel model = new CompiledModel(artifact)) {
      double error = LogitsAssert.error(ModelBench.judge(pieces, IDS, 1).logits(), model.feed(IDS));
      assertTrue(error < 0.1, "rounding of activations moves logits by " + error);
    }
  }

  /** The storage of all matrices but the table, without their shapes; K stands for a whole row. */
  private static List<String> matrices(Path artifact) {
    try (CatenaModel model = CatenaModel.open(artifact)) {
      return model.manifest().stages().stream().flatMap(s -> s.weights().stream()).filter(w -> w.layout().startsWith("n16"))
          .map(w -> w.type().replaceFirst("group (\\d+),(.*), \\1\\]>", "group K,$2, ]>").replaceFirst("\\[[0-9, ]*\\]>$", "["))
          .distinct().collect(Collectors.toList());
    }
  }
}
