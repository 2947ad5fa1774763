package dev.catena.tests.architecture;

import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.LogitsAssert;
import dev.catena.tests.oracle.OnnxRuntimeGraph;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Models of operations that do a whole attention each compile as a whole and give ONNX Runtime's logits. */
class FusedModelTest {
  private static final int[] IDS = {3, 60, 0, 17, 58, 9, 9};

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource
  void compiledForTheCpu(FusedModel.Style style) {
    Path file = FusedModel.write(folder.resolve("model.onnx"), style);
    float[][] expected = judge(file, style);
    Path artifact = folder.resolve("model.catena");
    CommandResult compiled = CatenaCommand.run("compile", file, "-o", artifact, "--activations", "f32", "--wbits", 32).succeeded();
    assertFalse(compiled.err().contains("decoder_"), compiled.err()); // a layer that is not whole is a warning
    try (CompiledModel model = new CompiledModel(artifact)) {
      List<float[]> rows = new ArrayList<>(Arrays.asList(model.feed(Arrays.copyOf(IDS, 5))));
      rows.addAll(Arrays.asList(model.feed(IDS[5])));
      rows.addAll(Arrays.asList(model.feed(IDS[6])));
      LogitsAssert.assertClose(expected, rows.toArray(float[][]::new), 1e-4, style.toString());
    }
  }

  /** The whole file at once in ONNX Runtime, with an empty past. */
  private static float[][] judge(Path file, FusedModel.Style style) {
    int n = IDS.length;
    long[] ones = new long[n];
    Arrays.fill(ones, 1);
    long[] positions = new long[n];
    Arrays.setAll(positions, i -> i);
    Map<String, Tensor> given = new HashMap<>();
    given.put("input_ids", Tensor.i64(Arrays.stream(IDS).asLongStream().toArray(), 1, n));
    given.put("position_ids", Tensor.i64(positions, 1, n));
    for (int i = 0; i < FusedModel.LAYERS; i++) {
      if (style == FusedModel.Style.STACKED_PAST) {
        given.put("attention_mask", Tensor.ofLongs(ElementType.I32, ones, 1, n));
        given.put("past_" + i, new Tensor(ElementType.F32, 2, 1, FusedModel.HEADS, 0, FusedModel.SIZE));
      } else {
        given.put("past_" + i + ".key", new Tensor(ElementType.F32, 1, FusedModel.kvHeads(style), 0, FusedModel.SIZE));
        given.put("past_" + i + ".value", new Tensor(ElementType.F32, 1, FusedModel.kvHeads(style), 0, FusedModel.SIZE));
      }
    }
    float[] logits = OnnxRuntimeGraph.run(file, given).get("logits");
    float[][] rows = new float[n][];
    for (int r = 0; r < n; r++) {
      rows[r] = Arrays.copyOfRange(logits, r * FusedModel.VOCABULARY, (r + 1) * FusedModel.VOCABULARY);
    }
    return rows;
  }
}
