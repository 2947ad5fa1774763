package dev.catena.tests.architecture;

import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.passes.PassContext;
import dev.catena.passes.Pipeline;
import dev.catena.runtime.SessionOptions;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.EvaluatedModel;
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

/** Models of other architectures than Llama's compile as a whole and give ONNX Runtime's logits. */
class ArchitectureTest {
  private static final int[] IDS = {3, 70, 0, 17, 58, 9, 9, 41, 22, 5};

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource
  void compiledForTheCpu(Architecture kind) {
    check(kind, kind.ordinal() % 2 == 0 ? 17 : 14, "cpu", "cpu:0", IDS.length);
  }

  /** Two rows at a time: NVRTC compiles a kernel for each bucket of rows, and what is of an architecture is in all of them. */
  @ParameterizedTest
  @EnumSource(names = {"QWEN3", "PHI", "GEMMA2", "GPTJ", "BLOOM", "GPT_OSS"})
  void compiledForAGpu(Architecture kind) {
    check(kind, 18, "sm_86", "sim:0", 2);
  }

  /** A model that was exported without a cache gets one: what the compiler takes it for, in the evaluator. */
  @ParameterizedTest
  @EnumSource
  void aCacheIsAdded(Architecture kind) {
    evaluate(kind, kind.ordinal() % 2 == 0 ? ArchitectureModel.Cache.NONE : ArchitectureModel.Cache.GIVEN, kind.ordinal() % 3 == 0 ? 17 : 14);
  }

  @ParameterizedTest
  @EnumSource(names = {"STACKED", "STACKED_SPLIT"})
  void keysAndValuesInOnePast(ArchitectureModel.Cache cache) {
    evaluate(Architecture.GPT2, cache, 14);
  }

  private void evaluate(Architecture kind, ArchitectureModel.Cache cache, int opset) {
    Path file = ArchitectureModel.write(folder.resolve("model"), kind, cache, opset, 5);
    try (ImportedModel imported = OnnxImporter.importModel(file)) {
      Pipeline.parse("fold,widen,clean,sizes,rope-tables{positions=" + ArchitectureModel.POSITIONS
          + "},raise,causal-mask,share,merge,name,kv-cache{key=32 value=32}").run(imported.module(), new PassContext());
      LogitsAssert.assertClose(judge(file, kind, cache, IDS), inSteps(new EvaluatedModel(imported.module())::feed), 1e-4, kind.toString());
    }
  }

  @FunctionalInterface
  private interface Feed {
    float[][] feed(int... ids);
  }

  /** Six tokens at once, the others one by one. */
  private static float[][] inSteps(Feed model) {
    List<float[]> rows = new ArrayList<>(Arrays.asList(model.feed(Arrays.copyOf(IDS, 6))));
    for (int i = 6; i < IDS.length; i++) {
      rows.addAll(Arrays.asList(model.feed(IDS[i])));
    }
    return rows.toArray(float[][]::new);
  }

  private void check(Architecture kind, int opset, String target, String device, int stepRows) {
    Path file = ArchitectureModel.write(folder.resolve("model"), kind, ArchitectureModel.Cache.CARRIED_ON, opset, 5);
    float[][] expected = judge(file, kind, ArchitectureModel.Cache.CARRIED_ON, IDS);
    Path artifact = folder.resolve("model.catena");
    CommandResult compiled = CatenaCommand.run("compile", file, "-o", artifact, "--activations", "f32", "--wbits", 32,
        "--target", target, "--step-rows", stepRows, "--max-seq-len", ArchitectureModel.POSITIONS).succeeded();
    assertFalse(compiled.err().contains("decoder_"), compiled.err()); // a layer that is not whole is a warning
    try (CompiledModel model = new CompiledModel(artifact,
        SessionOptions.defaults().withThreads(2).withDevices(List.of(device)))) {
      LogitsAssert.assertClose(expected, inSteps(model::feed), 1e-4, kind.toString());
    }
  }

  /** The whole file at once in ONNX Runtime, with an empty past if there is one. */
  static float[][] judge(Path file, Architecture kind, ArchitectureModel.Cache cache, int[] ids) {
    int n = ids.length;
    Map<String, Tensor> given = new HashMap<>();
    long[] ones = new long[n];
    Arrays.fill(ones, 1);
    long[] positions = new long[n];
    Arrays.setAll(positions, i -> i);
    given.put("input_ids", Tensor.i64(Arrays.stream(ids).asLongStream().toArray(), 1, n));
    given.put("attention_mask", Tensor.i64(ones, 1, n));
    if (kind.takesPositions()) {
      given.put("position_ids", Tensor.i64(positions, 1, n));
    }
    for (int i = 0; i < ArchitectureModel.LAYERS && cache.isStacked(); i++) {
      given.put("past_key_values." + i, new Tensor(ElementType.F32, 2, 1, kind.kvHeads(), 0, ArchitectureModel.SIZE));
    }
    for (int i = 0; i < ArchitectureModel.LAYERS && cache == ArchitectureModel.Cache.CARRIED_ON; i++) {
      for (String part : List.of("key", "value")) {
        given.put("past_key_values." + i + "." + part, new Tensor(ElementType.F32, 1, kind.kvHeads(), 0, ArchitectureModel.SIZE));
      }
    }
    float[] logits = OnnxRuntimeGraph.run(file, given).get("logits");
    float[][] rows = new float[n][];
    for (int r = 0; r < n; r++) {
      rows[r] = Arrays.copyOfRange(logits, r * ArchitectureModel.VOCABULARY, (r + 1) * ArchitectureModel.VOCABULARY);
    }
    return rows;
  }
}
