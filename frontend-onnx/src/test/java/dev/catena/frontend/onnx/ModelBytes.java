package dev.catena.frontend.onnx;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Writes small ONNX files for tests, right ones and wrong ones: nothing is checked here. */
final class ModelBytes {
  static final int F32 = 1;
  static final int I64 = 7;

  /** Writes one message. */
  interface Message {
    void write(CodedOutputStream out) throws IOException;
  }

  private final List<byte[]> graphFields = new ArrayList<>();
  private final List<byte[]> nodes = new ArrayList<>();
  private final List<byte[]> functions = new ArrayList<>();
  private int opset = 14;
  private long irVersion = 8;

  static byte[] message(Message m) {
    try {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      CodedOutputStream out = CodedOutputStream.newInstance(bytes);
      m.write(out);
      out.flush();
      return bytes.toByteArray();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  ModelBytes opset(int version) {
    opset = version;
    return this;
  }

  ModelBytes irVersion(long version) {
    irVersion = version;
    return this;
  }

  /** A function of the domain {@code own} whose body are another model's nodes; names stand with spaces between. */
  ModelBytes function(String name, String inputs, String outputs, ModelBytes body, byte[]... defaults) {
    functions.add(message(out -> {
      out.writeString(1, name);
      for (String i : inputs.split(" ")) {
        out.writeString(4, i);
      }
      for (String o : outputs.split(" ")) {
        out.writeString(5, o);
      }
      for (byte[] node : body.nodes) {
        out.writeByteArray(7, node);
      }
      out.writeString(10, "own");
      for (byte[] a : defaults) {
        out.writeByteArray(11, a);
      }
    }));
    return this;
  }

  /** An attribute that stands for the caller's attribute {@code caller}. */
  static byte[] reference(String name, String caller, int type) {
    return message(out -> {
      out.writeString(1, name);
      out.writeInt32(20, type);
      out.writeString(21, caller);
    });
  }

  /** A field of the graph as it comes: {@code content} may be anything. */
  ModelBytes graphField(int number, byte[] content) {
    graphFields.add(message(out -> out.writeByteArray(number, content)));
    return this;
  }

  /** A dimension is a Number, or a String for a symbol. */
  ModelBytes input(String name, int elementType, Object... shape) {
    return graphField(11, valueInfo(name, elementType, shape));
  }

  ModelBytes output(String name, int elementType, Object... shape) {
    return graphField(12, valueInfo(name, elementType, shape));
  }

  private static byte[] valueInfo(String name, int elementType, Object... shape) {
    byte[] dims = message(out -> {
      for (Object d : shape) {
        out.writeByteArray(1, message(o -> {
          if (d instanceof Number n) {
            o.writeInt64(1, n.longValue());
          } else {
            o.writeString(2, (String) d);
          }
        }));
      }
    });
    byte[] tensor = message(out -> {
      out.writeInt32(1, elementType);
      out.writeByteArray(2, dims);
    });
    return message(out -> {
      out.writeString(1, name);
      out.writeByteArray(2, message(o -> o.writeByteArray(1, tensor)));
    });
  }

  /** Inputs and outputs are names with spaces between; {@code -} is an absent one. */
  ModelBytes node(String domain, String operation, String name, String inputs, String outputs, byte[]... attributes) {
    byte[] node = message(out -> {
      for (String i : inputs.isEmpty() ? new String[0] : inputs.split(" ")) {
        out.writeString(1, i.equals("-") ? "" : i);
      }
      for (String o : outputs.split(" ")) {
        out.writeString(2, o);
      }
      out.writeString(3, name);
      out.writeString(4, operation);
      for (byte[] a : attributes) {
        out.writeByteArray(5, a);
      }
      out.writeString(7, domain);
    });
    nodes.add(node);
    return graphField(1, node);
  }

  ModelBytes node(String operation, String inputs, String outputs, byte[]... attributes) {
    return node("", operation, "/" + operation + "_" + graphFields.size(), inputs, outputs, attributes);
  }

  static byte[] integer(String name, long value) {
    return message(out -> {
      out.writeString(1, name);
      out.writeInt64(3, value);
      out.writeInt32(20, 2);
    });
  }

  static byte[] text(String name, String value) {
    return message(out -> {
      out.writeString(1, name);
      out.writeString(4, value);
      out.writeInt32(20, 3);
    });
  }

  static byte[] real(String name, float value) {
    return message(out -> {
      out.writeString(1, name);
      out.writeFloat(2, value);
      out.writeInt32(20, 1);
    });
  }

  static byte[] integers(String name, long... values) {
    return message(out -> {
      out.writeString(1, name);
      for (long v : values) {
        out.writeInt64(8, v);
      }
      out.writeInt32(20, 7);
    });
  }

  static byte[] tensorAttribute(String name, byte[] tensor) {
    return message(out -> {
      out.writeString(1, name);
      out.writeByteArray(5, tensor);
      out.writeInt32(20, 4);
    });
  }

  ModelBytes initializer(byte[] tensor) {
    return graphField(5, tensor);
  }

  static byte[] tensor(String name, int elementType, long[] dims, byte[] raw) {
    return message(out -> {
      for (long d : dims) {
        out.writeInt64(1, d);
      }
      out.writeInt32(2, elementType);
      out.writeString(8, name);
      out.writeByteArray(9, raw);
    });
  }

  static byte[] external(String name, int elementType, long[] dims, String... entries) {
    return message(out -> {
      for (long d : dims) {
        out.writeInt64(1, d);
      }
      out.writeInt32(2, elementType);
      out.writeString(8, name);
      for (int i = 0; i < entries.length; i += 2) {
        int at = i;
        out.writeByteArray(13, message(o -> {
          o.writeString(1, entries[at]);
          o.writeString(2, entries[at + 1]);
        }));
      }
      out.writeInt32(14, 1);
    });
  }

  /** {@code count} reals 0, 0.5, 1, … as raw data. */
  static byte[] floats(int count) {
    ByteBuffer b = ByteBuffer.allocate(4 * count).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      b.putFloat(i * 0.5f);
    }
    return b.array();
  }

  static byte[] longs(long... values) {
    ByteBuffer b = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (long v : values) {
      b.putLong(v);
    }
    return b.array();
  }

  /** The nodes, initializers, inputs and outputs so far as an attribute, such as a branch of If. */
  byte[] asAttribute(String name) {
    return message(out -> {
      out.writeString(1, name);
      out.writeByteArray(6, graph());
      out.writeInt32(20, 5);
    });
  }

  private byte[] graph() {
    return message(out -> {
      out.writeString(2, "g");
      for (byte[] f : graphFields) {
        out.writeRawBytes(f);
      }
    });
  }

  byte[] bytes() {
    byte[] graph = graph();
    return message(out -> {
      out.writeInt64(1, irVersion);
      out.writeByteArray(7, graph);
      for (byte[] f : functions) {
        out.writeByteArray(25, f);
      }
      out.writeByteArray(8, message(o -> {
        o.writeString(1, "");
        o.writeInt64(2, opset);
      }));
    });
  }

  Path write(Path file) {
    try {
      return Files.write(file, bytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
