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
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every storage of the cache: generated code against the evaluator, whose cache holds what the storage would return, over
 * a page's border; and the rounding itself against ONNX Runtime.
 */
class KvStorageTest {
  private static final int PROMPT = 70;

  @TempDir Path folder;

  /** Of one layer: queries have 15 bits where codes are multiplied as codes, which tips single codes that the next layer keeps. */
  static Stream<Arguments> settings() {
    LlamaShape smallHeads = LlamaShape.of(8, 4, 8, 96, 105, 1, 96); // pages of head size 8 in 4 bits
    LlamaShape oddHeads = LlamaShape.of(4, 2, 20, 96, 105, 1, 96);
    return Stream.of(smallHeads, oddHeads).flatMap(shape -> Stream.of(
        Arguments.of(shape, 8, 8, 2e-2), Arguments.of(shape, 4, 4, 0.3), Arguments.of(shape, 8, 4, 0.3),
        Arguments.of(shape, 4, 16, 0.3), Arguments.of(shape, 32, 8, 2e-2)));
  }

  @ParameterizedTest(name = "{0}: keys in {1} bits, values in {2}")
  @MethodSource("settings")
  void codesAreReadAsTheyWereWritten(LlamaShape shape, int key, int value, double rounding) {
    PieceFolder pieces = LlamaModel.write(folder.resolve("model"), shape, ExportStyle.F32, 29);
    int[] ids = ModelBench.prompt(PROMPT, shape.vocab(), 31);
    ImportedModel imported = OnnxImporter.importModel(pieces.path());
    Pipeline.parse("fold,widen,clean,sizes,rope-tables,raise,causal-mask,share,merge,name,kv-cache{key=" + key + " value=" + value + "},select-rows")
        .run(imported.module(), new PassContext(), true, (n, pass, module) -> { });
    float[][] expected = new EvaluatedModel(imported.module()).feed(ids);

    Path artifact = ModelBench.compile(pieces, folder.resolve("model.catena"), "--wbits", 32, "--kv-bits", key + "," + value);
    try (CompiledModel model = new CompiledModel(artifact)) {
      LogitsAssert.assertClose(expected, model.feed(ids), 3e-4, "compiled against evaluated");
    }
    float[][] unrounded = ModelBench.judge(pieces, ids, 1).logits();
    double error = LogitsAssert.error(Arrays.copyOf(unrounded, PROMPT), expected);
    assertTrue(error > 1e-6 && error < rounding, "rounding moves logits by " + error);
  }
}
