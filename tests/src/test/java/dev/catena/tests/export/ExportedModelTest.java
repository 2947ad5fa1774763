package dev.catena.tests.export;

import static org.junit.jupiter.api.Assertions.assertFalse;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.LogitsAssert;
import dev.catena.tests.oracle.OnnxRuntimeGraph;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Language models as torch's two exporters and ONNX Runtime's optimizer really write them become stages with a cache, and give
 * ONNX Runtime's logits. {@code export_models.py}, {@code optimize_exports.py} and {@code pack_exports.py} beside the files made them.
 */
class ExportedModelTest {
  private static final int[] IDS = {3, 170, 0, 17, 58, 9, 9, 41, 222, 5};

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"llama.dynamo-sdpa-past", "llama.dynamo23-sdpa-past", "gemma3.script14-eager-past",
      "gpt2.ortext-script14-eager-past", "gpt2.ortopt-script17-sdpa-past", "falcon-old.dynamo-sdpa-past", "gpt-bigcode.dynamo-sdpa-past",
      "codegen.script14-eager-past", "nemotron.dynamo-sdpa-past", "olmo.script14-eager-past", "cohere.dynamo-sdpa-past",
      "falcon-new.dynamo-sdpa-past", "helium.dynamo-sdpa-past"})
  void compilesToStages(String name) throws IOException, OrtException {
    Path file = folder.resolve("model.onnx");
    try (InputStream packed = ExportedModelTest.class.getResourceAsStream(name + ".onnx.gz"); InputStream model = new GZIPInputStream(packed)) {
      Files.copy(model, file);
    }
    float[][] expected = judge(file);
    Path artifact = folder.resolve("model.catena");
    CommandResult compiled = CatenaCommand.run("compile", file, "-o", artifact, "--activations", "f32", "--wbits", 32,
        "--max-seq-len", 32).succeeded();
    assertFalse(compiled.err().contains("decoder_") || compiled.err().contains("graph of tensors"), compiled.err());
    try (CompiledModel model = new CompiledModel(artifact)) {
      List<float[]> rows = new ArrayList<>(Arrays.asList(model.feed(Arrays.copyOf(IDS, 7))));
      for (int i = 7; i < IDS.length; i++) {
        rows.addAll(Arrays.asList(model.feed(IDS[i])));
      }
      LogitsAssert.assertClose(expected, rows.toArray(float[][]::new), 1e-4, name);
    }
  }

  /** The whole file at once in ONNX Runtime, with an empty past. */
  private static float[][] judge(Path file) throws OrtException {
    int n = IDS.length;
    Map<String, Tensor> given = new HashMap<>();
    try (OrtSession session = OrtEnvironment.getEnvironment().createSession(file.toString())) {
      for (NodeInfo input : session.getInputInfo().values()) {
        long[] values = new long[n];
        Arrays.setAll(values, i -> switch (input.getName()) {
          case "input_ids" -> IDS[i];
          case "attention_mask" -> 1;
          default -> i;
        });
        long[] shape = ((TensorInfo) input.getInfo()).getShape();
        given.put(input.getName(), shape.length == 2 ? Tensor.i64(values, 1, n) : new Tensor(ElementType.F32, 1, shape[1], 0, shape[3]));
      }
    }
    float[] logits = OnnxRuntimeGraph.run(file, given).get("logits");
    int vocabulary = logits.length / n;
    float[][] rows = new float[n][];
    for (int r = 0; r < n; r++) {
      rows[r] = Arrays.copyOfRange(logits, r * vocabulary, (r + 1) * vocabulary);
    }
    return rows;
  }
}
