package dev.catena.tests.whole;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.Form;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.OnnxContent;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.OnnxGraphWriter;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.LogitsAssert;
import dev.catena.tests.oracle.NumpyArray;
import dev.catena.tests.oracle.OnnxRuntimeGraph;
import dev.catena.tests.shared.Reference;
import dev.catena.tests.shared.SharedFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A model in one file is cut into the same stages as its pieces are, and computes what its references say. */
class WholeModelTest {
  private static final LlamaShape SHAPE = LlamaShape.of(4, 2, 20, 96, 105, 3, 40);
  private static final int[] IDS = {3, 104, 0, 17, 58, 9};

  @TempDir Path folder;

  /** Tolerance as a share of the largest logit; f16 fixtures round every product. */
  @ParameterizedTest(name = "{0}")
  @CsvSource({"fixtures/nano-gqa/mono, 1e-4", "fixtures/nano-gqa/mono-external, 1e-4", "models/stories260K/mono, 1e-4",
      "fixtures/nano-gqa/genai-f32, 1e-4", "fixtures/nano-gqa/genai, 1e-4", "fixtures/nano-gqa/genai-fp16, 5e-3"})
  void sharedModelsGiveTheirReferences(String path, double tolerance) throws IOException {
    Path source = SharedFiles.require(path);
    Path artifact = compile(source.resolve("model.onnx"));
    JsonNode reference = new ObjectMapper().readTree(source.resolve("ref.json").toFile());
    String prompt = text(reference.required("prompt"));
    Path npy = folder.resolve("logits.npy");
    String expected = text(reference.required("greedy"));
    String out = CatenaCommand.run("run", artifact, "--ids", prompt, "--print-ids", "--max-tokens",
        expected.split(",").length, "--logits-out", npy).succeeded().out();
    assertEquals(expected, out.strip());
    float[][] actual = NumpyArray.read(npy).rows();
    float[][] judged = Reference.logits(source, "model/%d/out/logits");
    LogitsAssert.assertClose(Arrays.copyOf(judged, actual.length), actual, tolerance, path); // the last set is a batch of two
  }

  private static String text(JsonNode ids) {
    return String.join(",", StreamSupport.stream(ids.spliterator(), false).map(JsonNode::asText).toList());
  }

  private Path compile(Path model) {
    Path artifact = folder.resolve("model" + Math.abs(model.hashCode()) + ".catena");
    CatenaCommand.run("compile", model, "-o", artifact, "--activations", "f32", "--wbits", 32).succeeded();
    return artifact;
  }

  static Stream<ExportStyle> styles() {
    ExportStyle f32 = ExportStyle.F32;
    return Stream.of(f32.withExternalData().withDynamicBatch(), f32.with(Form.MASK_BY_TRILU, Form.TABLE_BY_PAST, Form.NORM_WITHOUT_CASTS).withQkvBias(),
        f32.with(Form.NO_CACHE), f32.with(Form.NO_CACHE, Form.MASK_FROM_INTEGERS, Form.ANGLES_BY_MATMUL).withDynamicBatch(),
        f32.with(Form.NO_CACHE, Form.MASK_BY_TRILU, Form.ANGLES_BY_EINSUM, Form.NORM_WITHOUT_CASTS));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("styles")
  void generatedModelsAgreeWithOnnxRuntime(ExportStyle style) {
    Path file = LlamaModel.writeWhole(folder.resolve("whole"), SHAPE, style, 3);
    float[][] expected = judge(file, style);
    try (CompiledModel model = new CompiledModel(compile(file))) {
      List<float[]> rows = new ArrayList<>(Arrays.asList(model.feed(Arrays.copyOf(IDS, 4))));
      rows.addAll(Arrays.asList(model.feed(IDS[4])));
      rows.addAll(Arrays.asList(model.feed(IDS[5])));
      LogitsAssert.assertClose(expected, rows.toArray(float[][]::new), 1e-4, style.toString());
    }
  }

  @Test
  void ofAMergedDecoderTheBranchWithAPastIsTaken() {
    ExportStyle style = ExportStyle.F32.with(Form.MASK_FROM_INTEGERS, Form.ANGLES_BY_MATMUL);
    Path file = LlamaModel.writeMerged(folder.resolve("whole"), SHAPE, style, 3);
    Tensor yes = Tensor.ofLongs(ElementType.BOOL, new long[] {1}, 1);
    float[][] expected = judge(file, style, Map.of("use_cache_branch", yes));
    try (CompiledModel model = new CompiledModel(compile(file))) {
      LogitsAssert.assertClose(expected, model.feed(IDS), 1e-4, "merged");
    }
  }

  @Test
  void aGraphWithoutACacheIsNotTakenForALanguageModelAndSaysWhy() {
    OnnxGraphWriter g = new OnnxGraphWriter(17);
    g.input("ids", OnnxElement.I64, "b", "s");
    g.initializer("table", OnnxContent.reals(OnnxElement.F32, new float[40], 10, 4));
    g.node("Gather", "lookup", List.of("table", "ids"), List.of("x"));
    g.node("Softmax", "softmax", List.of("x"), List.of("logits"));
    g.output("logits", OnnxElement.F32, "b", "s", 4);
    Path file = folder.resolve("plain.onnx");
    g.write(file);
    CommandResult result = CatenaCommand.run("compile", file, "-o", folder.resolve("plain.catena"));
    assertEquals(0, result.status());
    assertTrue(result.err().contains("not taken for a language model (plain.onnx: no input [batch, heads, past, size] is continued by"
        + " an output; export the model with its KV cache (Optimum: text-generation-with-past))"), result.err());
  }

  /** The whole file at once in ONNX Runtime, with an empty past. */
  private static float[][] judge(Path file, ExportStyle style) {
    return judge(file, style, Map.of());
  }

  private static float[][] judge(Path file, ExportStyle style, Map<String, Tensor> others) {
    int n = IDS.length;
    long[] positions = new long[n];
    Map<String, Tensor> given = new HashMap<>(others);
    given.put("input_ids", Tensor.i64(Arrays.stream(IDS).asLongStream().toArray(), 1, n));
    Tensor additive = new Tensor(ElementType.F32, 1, 1, n, n);
    long[] ones = new long[n];
    for (int r = 0; r < n; r++) {
      positions[r] = r;
      ones[r] = 1;
      for (int t = r + 1; t < n; t++) {
        additive.set(r * n + t, -Float.MAX_VALUE);
      }
    }
    boolean computed = style.has(Form.MASK_BY_TRILU);
    if (!computed) {
      given.put(style.names().mask(), style.has(Form.MASK_FROM_INTEGERS) ? Tensor.i64(ones, 1, n) : additive);
    }
    if (!style.has(Form.TABLE_BY_PAST, Form.ANGLES_BY_EINSUM)) {
      given.put(style.names().positions(), Tensor.i64(positions, 1, n));
    }
    for (int i = 0; i < SHAPE.layers() && !style.has(Form.NO_CACHE); i++) {
      given.put("past." + i + ".a", new Tensor(ElementType.F32, 1, SHAPE.kvHeads(), 0, SHAPE.headDim()));
      given.put("past." + i + ".b", new Tensor(ElementType.F32, 1, SHAPE.kvHeads(), 0, SHAPE.headDim()));
    }
    float[] logits = OnnxRuntimeGraph.run(file, given).get("logits");
    float[][] rows = new float[n][];
    for (int r = 0; r < n; r++) {
      rows[r] = Arrays.copyOfRange(logits, r * SHAPE.vocab(), (r + 1) * SHAPE.vocab());
    }
    return rows;
  }

  @Test
  void equalLayersShareCodeAndAreThePiecesOwn() {
    Path whole = compile(LlamaModel.writeWhole(folder.resolve("whole"), SHAPE, ExportStyle.F32, 3));
    Path pieces = compile(LlamaModel.write(folder.resolve("split"), SHAPE, ExportStyle.F32, 3).path());
    assertEquals(codes(pieces), codes(whole));
    assertEquals(4, codes(whole).size(), "decoders that are alike share a line"); // embed, decoder_0 … 2, norm, head
  }

  /** What code each stage calls, in order, as the table of inspect says. */
  private static List<String> codes(Path artifact) {
    return CatenaCommand.run("inspect", artifact).succeeded().out().lines().filter(line -> line.contains(" stage_"))
        .map(line -> line.split(" ")[0] + line.substring(line.lastIndexOf(" stage_"))).toList();
  }
}
