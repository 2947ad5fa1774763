package dev.catena.tests.fuzz;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Changes ONNX files where it counts: the file is taken apart by onnx.proto's fields, a few of them are changed, and it is
 * put together again with lengths that are right. Changed bytes alone rarely get past the wire format.
 */
final class OnnxMutator {
  private static final int MOST_MESSAGES = 20_000;
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED32 = 5;

  /** Messages of onnx.proto, with the fields that are messages themselves. */
  private enum Kind {
    MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, VALUE, TYPE, TENSOR_TYPE, SHAPE, DIMENSION, OPSET, ENTRY, FUNCTION;

    private Map<Integer, Kind> parts = Map.of();

    static {
      MODEL.parts = Map.of(7, GRAPH, 8, OPSET, 25, FUNCTION);
      GRAPH.parts = Map.of(1, NODE, 5, TENSOR, 11, VALUE, 12, VALUE, 13, VALUE);
      NODE.parts = Map.of(5, ATTRIBUTE);
      ATTRIBUTE.parts = Map.of(5, TENSOR, 6, GRAPH, 10, TENSOR, 11, GRAPH);
      TENSOR.parts = Map.of(13, ENTRY);
      VALUE.parts = Map.of(2, TYPE);
      TYPE.parts = Map.of(1, TENSOR_TYPE);
      TENSOR_TYPE.parts = Map.of(2, SHAPE);
      SHAPE.parts = Map.of(1, DIMENSION);
      FUNCTION.parts = Map.of(7, NODE, 9, OPSET);
    }
  }

  /** One field: {@code number} for varints and fixed widths, {@code bytes} or {@code message} for the rest. */
  private static final class Field {
    private int tag;
    private int wire;
    private long number;
    private byte[] bytes;
    private Message message;

    Field copy() {
      Field f = new Field();
      f.tag = tag;
      f.wire = wire;
      f.number = number;
      f.bytes = bytes;
      f.message = message == null ? null : message.copy();
      return f;
    }
  }

  private static final class Message {
    private final Kind kind;
    private final List<Field> fields = new ArrayList<>();

    Message(Kind kind) {
      this.kind = kind;
    }

    Message copy() {
      Message m = new Message(kind);
      fields.forEach(f -> m.fields.add(f.copy()));
      return m;
    }
  }

  private static final long[] NUMBERS = {0, 1, -1, 2, 3, 4, 7, 8, 16, 64, 255, 256, 1024, 65536, Integer.MAX_VALUE,
      Integer.MIN_VALUE, 1L << 31, 1L << 32, 1L << 33, 1L << 40, 1L << 59, 1L << 60, 1L << 61, 1L << 62, Long.MAX_VALUE,
      Long.MIN_VALUE, -2, -1024};
  private static final String[] TEXTS = {"", "x", "\n", "../../etc/passwd", "/", "\u0000", "%s", "a/b", "ai.onnx",
      "com.microsoft", "then_branch", "value", "axis", "axes", "perm", "to", "shape", "location", "offset", "length"};
  private static final String[] OPERATIONS = {"Add", "Mul", "Div", "Sub", "Pow", "Sqrt", "MatMul", "Gemm", "Softmax", "Concat",
      "Slice", "Gather", "GatherND", "ScatterND", "Reshape", "Transpose", "Unsqueeze", "Squeeze", "Expand", "Tile", "Range",
      "ConstantOfShape", "Constant", "Shape", "Size", "Cast", "CastLike", "Where", "Equal", "Less", "Trilu", "CumSum", "Split",
      "ReduceMean", "ReduceSum", "ReduceMax", "TopK", "ArgMax", "Identity", "If", "Loop", "Neg", "Not", "And", "Mod", "Min",
      "Max", "Clip", "Flatten", "Dropout", "LayerNormalization", "RMSNormalization", "Attention", "RotaryEmbedding", "Gelu",
      "GroupQueryAttention", "MultiHeadAttention", "MatMulNBits", "GatherBlockQuantized", "SkipSimplifiedLayerNormalization",
      "SimplifiedLayerNormalization", "QuickGelu", "FastGelu", "BiasGelu", "DequantizeLinear", "QuantizeLinear", "Einsum", "Resize",
      "Pad", "OneHot", "NonZero", "Conv", "Erf", "Sigmoid", "IsNaN", "EyeLike", "Compress", "Unique", "Bernoulli"};

  private final Random random;

  OnnxMutator(Random random) {
    this.random = random;
  }

  /** {@code model} with a few of its fields changed. */
  byte[] mutate(byte[] model) {
    Message root = parse(Kind.MODEL, model);
    for (int i = 1 + random.nextInt(4); i > 0; i--) {
      List<Message> all = new ArrayList<>();
      collect(root, all);
      change(all.get(random.nextInt(all.size())), all);
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    write(root, out);
    return out.toByteArray();
  }

  private void change(Message m, List<Message> all) {
    if (m.fields.isEmpty()) {
      return;
    }
    int at = random.nextInt(m.fields.size());
    Field f = m.fields.get(at);
    switch (random.nextInt(12)) {
      case 0 -> m.fields.remove(at);
      case 1 -> m.fields.add(random.nextInt(m.fields.size() + 1), f.copy());
      case 2 -> m.fields.add(random.nextInt(m.fields.size()), m.fields.remove(at));
      case 3 -> graft(m, all);
      case 4 -> f.tag = 1 + random.nextInt(26);
      case 5 -> {
        int copies = f.message == null && (f.bytes == null || f.bytes.length < 64) ? 1 << random.nextInt(10) : 2;
        for (int i = 0; i < copies && all.size() < MOST_MESSAGES; i++) {
          m.fields.add(f.copy());
        }
      }
      default -> changeValue(m, f, all);
    }
  }

  /** Puts a field of another message of this kind here, so that names and types of different places meet. */
  private void graft(Message m, List<Message> all) {
    List<Message> alike = all.stream().filter(o -> o.kind == m.kind && o != m && !o.fields.isEmpty()).toList();
    if (!alike.isEmpty()) {
      Message from = alike.get(random.nextInt(alike.size()));
      Field taken = from.fields.get(random.nextInt(from.fields.size())).copy();
      m.fields.removeIf(f -> f.tag == taken.tag && random.nextBoolean());
      m.fields.add(taken);
    }
  }

  private void changeValue(Message m, Field f, List<Message> all) {
    if (f.message != null) {
      change(f.message, all);
    } else if (f.wire == VARINT || f.wire == FIXED32 || f.wire == FIXED64) {
      f.number = switch (random.nextInt(4)) {
        case 0 -> f.number + random.nextInt(5) - 2;
        case 1 -> random.nextInt(64);
        case 2 -> f.number ^ 1L << random.nextInt(64);
        default -> NUMBERS[random.nextInt(NUMBERS.length)];
      };
    } else {
      f.bytes = text(m, f, all);
    }
  }

  private byte[] text(Message m, Field f, List<Message> all) {
    switch (random.nextInt(6)) {
      case 0 -> {
        return TEXTS[random.nextInt(TEXTS.length)].getBytes(StandardCharsets.UTF_8);
      }
      case 1 -> {
        byte[] b = new byte[random.nextInt(2) == 0 ? f.bytes.length / 2 : Math.min(1 << 16, f.bytes.length * 2 + 1)];
        System.arraycopy(f.bytes, 0, b, 0, Math.min(b.length, f.bytes.length));
        return b;
      }
      case 2 -> {
        byte[] b = f.bytes.clone();
        if (b.length > 0) {
          b[random.nextInt(b.length)] ^= (byte) (1 << random.nextInt(8));
        }
        return b;
      }
      default -> {
        if (m.kind == Kind.NODE && f.tag == 4) {
          return OPERATIONS[random.nextInt(OPERATIONS.length)].getBytes(StandardCharsets.UTF_8);
        }
        // Another name that the file knows: a reader of one value reads another.
        List<byte[]> names = new ArrayList<>();
        all.stream().filter(o -> o.kind == m.kind || o.kind == Kind.NODE).forEach(o -> o.fields.stream()
            .filter(x -> x.bytes != null && x.bytes.length < 256).forEach(x -> names.add(x.bytes)));
        return names.isEmpty() ? f.bytes : names.get(random.nextInt(names.size()));
      }
    }
  }

  private static void collect(Message m, List<Message> all) {
    all.add(m);
    m.fields.stream().filter(f -> f.message != null).forEach(f -> collect(f.message, all));
  }

  private static Message parse(Kind kind, byte[] bytes) {
    Message m = new Message(kind);
    int[] at = {0};
    while (at[0] < bytes.length) {
      long tag = varint(bytes, at);
      Field f = new Field();
      f.tag = (int) (tag >>> 3);
      f.wire = (int) (tag & 7);
      switch (f.wire) {
        case VARINT -> f.number = varint(bytes, at);
        case FIXED64 -> f.number = fixed(bytes, at, 8);
        case FIXED32 -> f.number = fixed(bytes, at, 4);
        case BYTES -> {
          int length = (int) varint(bytes, at);
          f.bytes = java.util.Arrays.copyOfRange(bytes, at[0], at[0] + length);
          at[0] += length;
          Kind part = kind.parts.get(f.tag);
          if (part != null) {
            f.message = parse(part, f.bytes);
            f.bytes = null;
          }
        }
        default -> throw new IllegalArgumentException("not a whole ONNX file to begin with");
      }
      m.fields.add(f);
    }
    return m;
  }

  private static long varint(byte[] bytes, int[] at) {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      int b = bytes[at[0]++];
      value |= (long) (b & 0x7f) << shift;
      if (b >= 0) {
        return value;
      }
    }
  }

  private static long fixed(byte[] bytes, int[] at, int width) {
    long value = 0;
    for (int i = 0; i < width; i++) {
      value |= (long) (bytes[at[0]++] & 0xff) << 8 * i;
    }
    return value;
  }

  private static void write(Message m, ByteArrayOutputStream out) {
    for (Field f : m.fields) {
      writeVarint((long) f.tag << 3 | f.wire, out);
      switch (f.wire) {
        case VARINT -> writeVarint(f.number, out);
        case FIXED64 -> writeFixed(f.number, 8, out);
        case FIXED32 -> writeFixed(f.number, 4, out);
        default -> {
          byte[] b = f.bytes;
          if (f.message != null) {
            ByteArrayOutputStream inner = new ByteArrayOutputStream();
            write(f.message, inner);
            b = inner.toByteArray();
          }
          writeVarint(b.length, out);
          out.writeBytes(b);
        }
      }
    }
  }

  private static void writeVarint(long value, ByteArrayOutputStream out) {
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      out.write((int) (rest & 0x7f | 0x80));
      rest >>>= 7;
    }
    out.write((int) rest);
  }

  private static void writeFixed(long value, int width, ByteArrayOutputStream out) {
    for (int i = 0; i < width; i++) {
      out.write((int) (value >>> 8 * i) & 0xff);
    }
  }
}
