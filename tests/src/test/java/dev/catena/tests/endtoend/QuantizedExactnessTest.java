package dev.catena.tests.endtoend;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.passes.PassContext;
import dev.catena.passes.Pipeline;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.EvaluatedModel;
import dev.catena.tests.oracle.LogitsAssert;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * At 8, 4, 3 and 2 bits, rounding the weights is the only error: generated code agrees within 1e-3 with the evaluator on the
 * dequantized weights, through prefill and 33 decode steps. And rounding is an error of the size that the bits allow,
 * measured against ONNX Runtime.
 */
class QuantizedExactnessTest {
  private static final int PROMPT = 6;
  private static final int STEPS = 33;

  @TempDir Path folder;

  static Stream<Arguments> settings() {
    // bits, groups and symmetry meet in pairs
    // 172 = 128 + 44 = 5 · 32 + 12: the last group is short; 80 is less than one group of 128
    LlamaShape shape = LlamaShape.of(4, 2, 20, 172, 105, 1, 40);
    List<Arguments> all = new ArrayList<>();
    for (int bits : new int[] {8, 4}) {
      for (int group : new int[] {128, 32, 0}) {
        boolean symmetric = (bits == 8) == (group == 32);
        all.add(Arguments.of(shape, ExportStyle.F32, bits, group, symmetric));
        if (Boolean.getBoolean("catena.tests.product")) {
          all.add(Arguments.of(shape, ExportStyle.F32, bits, group, !symmetric));
        }
      }
    }
    for (int bits : new int[] {3, 2}) {
      for (int group : new int[] {128, 32, 0}) {
        all.add(Arguments.of(shape, ExportStyle.F32, bits, group, group == 32));
      }
    }
    all.add(Arguments.of(LlamaShape.of(3, 1, 48, 200, 1000, 2, 64), ExportStyle.F16, 4, 32, false));
    all.add(Arguments.of(LlamaShape.of(8, 4, 8, 96, 512, 2, 64), ExportStyle.F32.withQkvBias(), 4, 8, false));
    all.add(Arguments.of(LlamaShape.of(6, 6, 64, 172, 105, 1, 64), ExportStyle.F16, 8, 128, true));
    return all.stream();
  }

  @ParameterizedTest(name = "{0}; {1}; {2} bits in groups of {3}, symmetric {4}")
  @MethodSource("settings")
  void onlyTheRoundingOfWeightsIsLost(LlamaShape shape, ExportStyle style, int bits, int group, boolean symmetric) {
    PieceFolder pieces = LlamaModel.write(folder.resolve("model"), shape, style, 13);
    int[] ids = ModelBench.prompt(PROMPT + STEPS, shape.vocab(), 17);
    float[][] expected = logits(evaluated(pieces, bits, group, symmetric)::feed, ids);

    List<Object> options = new ArrayList<>(List.of("--wbits", bits, "--group-size", group, "--kv-bits", 32));
    if (symmetric) {
      options.add("--symmetric");
    }
    Path artifact = ModelBench.compile(pieces, folder.resolve("model.catena"), options.toArray());
    try (CompiledModel model = new CompiledModel(artifact)) {
      LogitsAssert.assertClose(expected, logits(model::feed, ids), 1e-3, "compiled against evaluated");
    }

    float[][] unrounded = ModelBench.judge(pieces, Arrays.copyOf(ids, PROMPT), 1).logits();
    double rounding = LogitsAssert.error(unrounded, Arrays.copyOf(expected, PROMPT));
    assertTrue(rounding > 1e-4 && rounding < (bits == 8 ? 0.05 : bits == 4 ? 0.7 : 2), "rounding moves logits by " + rounding);
  }

  @FunctionalInterface
  private interface Feed {
    float[][] feed(int... ids);
  }

  private static float[][] logits(Feed model, int[] ids) {
    List<float[]> rows = new ArrayList<>(Arrays.asList(model.feed(Arrays.copyOf(ids, PROMPT))));
    for (int i = PROMPT; i < ids.length; i++) {
      rows.addAll(Arrays.asList(model.feed(ids[i])));
    }
    return rows.toArray(float[][]::new);
  }

  /** Up to the point where only the choice of kernels is left; weights are dequantized as the evaluator reads them. */
  private EvaluatedModel evaluated(PieceFolder pieces, int bits, int group, boolean symmetric) {
    String pipeline = "fold,widen,clean,sizes,rope-tables,raise,causal-mask,share,merge,name,quantize{bits=" + bits + " group=" + group + " symmetric="
        + symmetric + " embed=16 head=8},kv-cache{key=32 value=32},select-rows";
    ImportedModel imported = OnnxImporter.importModel(pieces.path());
    Pipeline.parse(pipeline).run(imported.module(), new PassContext(), false, (n, pass, module) -> { });
    return new EvaluatedModel(imported.module());
  }
}
