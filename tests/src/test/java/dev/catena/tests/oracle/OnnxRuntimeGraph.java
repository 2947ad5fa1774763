package dev.catena.tests.oracle;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** One file in ONNX Runtime: tensors in, reals out, by name. */
public final class OnnxRuntimeGraph {
  private OnnxRuntimeGraph() {}

  /** All outputs that are f32, with their elements in order. */
  public static Map<String, float[]> run(Path file, Map<String, Tensor> inputs) {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    Map<String, OnnxTensor> given = new HashMap<>();
    try (OrtSession session = environment.createSession(file.toString())) {
      for (Map.Entry<String, Tensor> e : inputs.entrySet()) {
        given.put(e.getKey(), tensor(environment, e.getValue()));
      }
      Map<String, float[]> outputs = new LinkedHashMap<>();
      try (OrtSession.Result result = session.run(given)) {
        result.forEach(e -> {
          FloatBuffer reals = ((OnnxTensor) e.getValue()).getFloatBuffer();
          float[] all = new float[reals.remaining()];
          reals.get(all);
          outputs.put(e.getKey(), all);
        });
      }
      return outputs;
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    } finally {
      given.values().forEach(OnnxTensor::close);
    }
  }

  private static OnnxTensor tensor(OrtEnvironment environment, Tensor t) throws OrtException {
    int width = Math.max(1, t.element().bits() / 8);
    ByteBuffer raw = ByteBuffer.allocateDirect(t.size() * width).order(ByteOrder.nativeOrder());
    for (int i = 0; i < t.size(); i++) {
      switch (t.element()) {
        case F32 -> raw.putFloat((float) t.get(i));
        case I64 -> raw.putLong(t.getLong(i));
        case BOOL -> raw.put((byte) t.getLong(i));
        case I32 -> raw.putInt((int) t.getLong(i));
        default -> throw new IllegalArgumentException(t.element().keyword());
      }
    }
    OnnxJavaType type = t.element() == ElementType.F32 ? OnnxJavaType.FLOAT
        : t.element() == ElementType.I64 ? OnnxJavaType.INT64
        : t.element() == ElementType.BOOL ? OnnxJavaType.BOOL : OnnxJavaType.INT32;
    return OnnxTensor.createTensor(environment, raw.flip(), t.shape(), type);
  }
}
