package dev.catena.tests.oracle;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.platform.Fp16Conversions;
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

  /** All outputs, by name. */
  public static Map<String, Tensor> outputs(Path file, Map<String, Tensor> inputs) throws OrtException {
    return outputs(file, inputs, OrtSession.SessionOptions.OptLevel.ALL_OPT);
  }

  /** All outputs, by name, of the graph as it stands: where codes are rounded, ONNX Runtime's own fusions round others. */
  public static Map<String, Tensor> unoptimized(Path file, Map<String, Tensor> inputs) throws OrtException {
    return outputs(file, inputs, OrtSession.SessionOptions.OptLevel.NO_OPT);
  }

  private static Map<String, Tensor> outputs(Path file, Map<String, Tensor> inputs, OrtSession.SessionOptions.OptLevel level)
      throws OrtException {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    Map<String, OnnxTensor> given = new HashMap<>();
    OrtSession.SessionOptions options = new OrtSession.SessionOptions();
    options.setOptimizationLevel(level);
    try (options; OrtSession session = environment.createSession(file.toString(), options)) {
      for (Map.Entry<String, Tensor> e : inputs.entrySet()) {
        given.put(e.getKey(), tensor(environment, e.getValue()));
      }
      Map<String, Tensor> outputs = new LinkedHashMap<>();
      try (OrtSession.Result result = session.run(given)) {
        result.forEach(e -> outputs.put(e.getKey(), tensor((OnnxTensor) e.getValue())));
      }
      return outputs;
    } finally {
      given.values().forEach(OnnxTensor::close);
    }
  }

  private static Tensor tensor(OnnxTensor t) {
    ElementType type = switch (t.getInfo().type) {
      case FLOAT -> ElementType.F32;
      case DOUBLE -> ElementType.F64;
      case FLOAT16 -> ElementType.F16;
      case INT64 -> ElementType.I64;
      case INT32 -> ElementType.I32;
      case INT8 -> ElementType.I8;
      case UINT8 -> ElementType.U8;
      case BOOL -> ElementType.BOOL;
      default -> throw new IllegalArgumentException(t.getInfo().type.toString());
    };
    Tensor copy = new Tensor(type, t.getInfo().getShape());
    ByteBuffer raw = t.getByteBuffer().order(ByteOrder.nativeOrder());
    for (int i = 0; i < copy.size(); i++) {
      switch (type) {
        case F32 -> copy.set(i, raw.getFloat(4 * i));
        case F64 -> copy.set(i, raw.getDouble(8 * i));
        case F16 -> copy.set(i, Fp16Conversions.fp16ToFloat(raw.getShort(2 * i)));
        case I64 -> copy.setLong(i, raw.getLong(8 * i));
        case I32 -> copy.setLong(i, raw.getInt(4 * i));
        default -> copy.setLong(i, raw.get(i));
      }
    }
    return copy;
  }

  private static OnnxTensor tensor(OrtEnvironment environment, Tensor t) throws OrtException {
    int width = Math.max(1, t.element().bits() / 8);
    ByteBuffer raw = ByteBuffer.allocateDirect(t.size() * width).order(ByteOrder.nativeOrder());
    for (int i = 0; i < t.size(); i++) {
      switch (t.element()) {
        case F32 -> raw.putFloat((float) t.get(i));
        case I64 -> raw.putLong(t.getLong(i));
        case F64 -> raw.putDouble(t.get(i));
        case F16 -> raw.putShort(Fp16Conversions.floatToFp16((float) t.get(i)));
        case BOOL, I8, U8 -> raw.put((byte) t.getLong(i));
        case I32 -> raw.putInt((int) t.getLong(i));
        default -> throw new IllegalArgumentException(t.element().keyword());
      }
    }
    OnnxJavaType type = switch (t.element()) {
      case F32 -> OnnxJavaType.FLOAT;
      case F64 -> OnnxJavaType.DOUBLE;
      case F16 -> OnnxJavaType.FLOAT16;
      case I64 -> OnnxJavaType.INT64;
      case I8 -> OnnxJavaType.INT8;
      case U8 -> OnnxJavaType.UINT8;
      case BOOL -> OnnxJavaType.BOOL;
      default -> OnnxJavaType.INT32;
    };
    return OnnxTensor.createTensor(environment, raw.flip(), t.shape(), type);
  }
}
