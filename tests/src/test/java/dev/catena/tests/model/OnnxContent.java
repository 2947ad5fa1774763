package dev.catena.tests.model;

import ai.onnxruntime.platform.Fp16Conversions;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A tensor's type, shape and raw bytes, as TensorProto holds them. */
public record OnnxContent(OnnxElement element, long[] shape, byte[] raw) {
  /** Reals, rounded to {@code element}. */
  public static OnnxContent reals(OnnxElement element, float[] values, long... shape) {
    ByteBuffer raw = ByteBuffer.allocate(values.length * element.bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (float v : values) {
      if (element == OnnxElement.F16) {
        raw.putShort(Fp16Conversions.floatToFp16(v));
      } else if (element == OnnxElement.BF16) {
        raw.putShort(Fp16Conversions.floatToBf16(v));
      } else {
        raw.putFloat(v);
      }
    }
    return new OnnxContent(element, shape, raw.array());
  }

  /** These f32 elements, rounded to another type. */
  OnnxContent in(OnnxElement other) {
    float[] values = new float[raw.length / element.bytes];
    ByteBuffer.wrap(raw).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return reals(other, values, shape);
  }

  public static OnnxContent bytes(byte[] values, long... shape) {
    return new OnnxContent(OnnxElement.U8, shape, values);
  }

  /** Whole numbers of 8 bits, or of 4 with two in a byte. */
  public static OnnxContent codes(OnnxElement element, int[] values, long... shape) {
    boolean nibbles = element == OnnxElement.I4 || element == OnnxElement.U4;
    byte[] raw = new byte[nibbles ? (values.length + 1) / 2 : values.length];
    for (int i = 0; i < values.length; i++) {
      raw[nibbles ? i / 2 : i] |= (byte) (nibbles ? (values[i] & 15) << i % 2 * 4 : values[i]);
    }
    return new OnnxContent(element, shape, raw);
  }

  public static OnnxContent longs(long[] values, long... shape) {
    ByteBuffer raw = ByteBuffer.allocate(values.length * 8).order(ByteOrder.LITTLE_ENDIAN);
    for (long v : values) {
      raw.putLong(v);
    }
    return new OnnxContent(OnnxElement.I64, shape, raw.array());
  }

  public static OnnxContent ints(int[] values, long... shape) {
    ByteBuffer raw = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    raw.asIntBuffer().put(values);
    return new OnnxContent(OnnxElement.I32, shape, raw.array());
  }
}
