package dev.catena.tests.graph;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OrtException;
import dev.catena.codegen.tensor.TensorBytes;
import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.runtime.TensorModel;
import dev.catena.runtime.TensorSession;
import dev.catena.runtime.TensorValue;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.oracle.NumpyArray;
import dev.catena.tests.oracle.OnnxRuntimeGraph;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A sentence encoder that others have trained and exported, in f32 and quantized: ONNX Runtime's outputs, at several shapes. */
class EncoderTest {
  private static final int VOCABULARY = 30_000;

  @TempDir Path folder;

  /** The tolerance is a share of the largest output: the quantized one rounds activations, and where a code tips over
   * what follows moves by up to a tenth (so does ONNX Runtime with and without its own fusions: docs/tensor-abi.md). */
  @ParameterizedTest
  @CsvSource({"all-minilm-l6-v2.onnx, 1e-5", "all-minilm-l6-v2-q.onnx, 1e-1"})
  void outputsAreOnnxRuntimes(String name, double tolerance) throws IOException, OrtException {
    Path file = folder.resolve(name);
    try (InputStream in = getClass().getResourceAsStream("/" + name)) {
      Files.copy(in, file);
    }
    Path artifact = folder.resolve("encoder.catena");
    CommandResult compiled = CatenaCommand.run("compile", file, "-o", artifact);
    assertEquals(0, compiled.status(), compiled.err());
    try (TensorModel model = TensorModel.open(artifact); TensorSession session = model.newSession(2)) {
      for (int[] shape : new int[][] {{1, 9}, {3, 40}}) {
        Map<String, Tensor> inputs = inputs(shape[0], shape[1]);
        Map<String, TensorValue> given = new LinkedHashMap<>();
        inputs.forEach((key, t) -> given.put(key, new TensorValue("i64", t.shape(), ByteBuffer.wrap(TensorBytes.of(t)))));
        Map<String, TensorValue> got = session.run(given);
        Map<String, Tensor> wanted = OnnxRuntimeGraph.unoptimized(file, inputs);
        assertEquals(wanted.keySet(), got.keySet());
        wanted.forEach((key, want) -> compare(name + " " + key, want, got.get(key), tolerance));
      }
    }
  }

  /**
   * The quantized encoder by the standard's definitions, in f64 (make_encoder_reference.py, beside the data). Codes that two
   * ways of summing in f32 round differently make ONNX Runtime differ from it, and from itself with other options, by a tenth.
   */
  @Test
  void theQuantizedEncoderGivesWhatTheStandardDefines() throws IOException, URISyntaxException {
    Path file = folder.resolve("encoder.onnx");
    try (InputStream in = getClass().getResourceAsStream("/all-minilm-l6-v2-q.onnx")) {
      Files.copy(in, file);
    }
    NumpyArray want = NumpyArray.read(Path.of(getClass().getResource("encoder-q.npy").toURI()));
    Path artifact = folder.resolve("encoder.catena");
    CommandResult compiled = CatenaCommand.run("compile", file, "-o", artifact);
    assertEquals(0, compiled.status(), compiled.err());
    try (TensorModel model = TensorModel.open(artifact); TensorSession session = model.newSession(2)) {
      Map<String, TensorValue> given = new LinkedHashMap<>();
      formula().forEach((key, t) -> given.put(key, new TensorValue("i64", t.shape(), ByteBuffer.wrap(TensorBytes.of(t)))));
      Tensor got = TensorBytes.read(ElementType.F32, new long[] {3, 40, 384}, session.run(given).get("last_hidden_state").data());
      Tensor every16th = new Tensor(ElementType.F32, 3, 40, 24);
      for (int i = 0; i < every16th.size(); i++) {
        every16th.set(i, got.get(16 * i));
      }
      Tensor wanted = Tensor.f32(want.values(), 3, 40, 24);
      compare("q by definition", wanted, new TensorValue("f32", wanted.shape(), ByteBuffer.wrap(TensorBytes.of(every16th))), 1e-2);
    }
  }

  /** As make_encoder_reference.py makes them. */
  private static Map<String, Tensor> formula() {
    Tensor ids = new Tensor(ElementType.I64, 3, 40);
    Tensor mask = new Tensor(ElementType.I64, 3, 40);
    for (int i = 0; i < ids.size(); i++) {
      ids.setLong(i, (7 + 104729L * i) % VOCABULARY);
      mask.setLong(i, i > 100 ? 0 : 1);
    }
    return Map.of("input_ids", ids, "attention_mask", mask, "token_type_ids", new Tensor(ElementType.I64, 3, 40));
  }

  /** Of several texts the last is shorter: its end is masked. */
  private static Map<String, Tensor> inputs(int batch, int length) {
    Random random = new Random(length);
    Tensor ids = new Tensor(ElementType.I64, batch, length);
    Tensor mask = new Tensor(ElementType.I64, batch, length);
    for (int i = 0; i < ids.size(); i++) {
      ids.setLong(i, random.nextInt(VOCABULARY));
      mask.setLong(i, batch > 1 && i / length == batch - 1 && i % length > length / 2 ? 0 : 1);
    }
    return Map.of("input_ids", ids, "attention_mask", mask, "token_type_ids", new Tensor(ElementType.I64, batch, length));
  }

  private static void compare(String what, Tensor want, TensorValue value, double tolerance) {
    assertArrayEquals(want.shape(), value.dims(), what);
    Tensor got = TensorBytes.read(ElementType.valueOf(value.type().toUpperCase(Locale.ROOT)), value.dims(), value.data());
    double largest = 0;
    double off = 0;
    for (int i = 0; i < want.size(); i++) {
      largest = Math.max(largest, Math.abs(want.get(i)));
      off = Math.max(off, Math.abs(want.get(i) - got.get(i)));
    }
    System.out.println(what + " " + value + ": off by " + off / largest + " of the largest");
    assertTrue(off <= tolerance * largest, what + " is off by " + off + ", its largest is " + largest);
  }
}
