package dev.catena.tests.model;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/** Writes one ONNX graph, field by field of onnx.proto. Nothing of the compiler takes part. */
public final class OnnxGraphWriter {
  private static final int EXTERNAL = 1;
  private static final int ALIGNMENT = 64;

  private final int opset;
  private final List<byte[]> nodes = new ArrayList<>();
  private final List<byte[]> inputs = new ArrayList<>();
  private final List<byte[]> outputs = new ArrayList<>();
  private final List<Initializer> initializers = new ArrayList<>();

  private record Initializer(String name, OnnxContent content) {}

  @FunctionalInterface
  private interface Fields {
    void write(CodedOutputStream out) throws IOException;
  }

  public OnnxGraphWriter(int opset) {
    this.opset = opset;
  }

  /** Declares a graph input; a dimension is a {@code Number}, or a name where it is dynamic. */
  public void input(String name, OnnxElement element, Object... dims) {
    inputs.add(valueInfo(name, element, dims));
  }

  public void output(String name, OnnxElement element, Object... dims) {
    outputs.add(valueInfo(name, element, dims));
  }

  public void initializer(String name, OnnxContent content) {
    initializers.add(new Initializer(name, content));
  }

  /** Adds a node; an empty name among the operands leaves an optional one out. */
  public void node(String type, String name, List<String> operands, List<String> results, OnnxAttribute... attributes) {
    nodes.add(message(out -> {
      for (String s : operands) {
        out.writeString(1, s);
      }
      for (String s : results) {
        out.writeString(2, s);
      }
      out.writeString(3, name);
      out.writeString(4, type);
      for (OnnxAttribute a : attributes) {
        out.writeByteArray(5, attribute(a));
      }
    }));
  }

  /** Writes the model with its initializers inline. */
  public void write(Path file) {
    write(file, null);
  }

  /**
   * Writes the model; initializers of more than 64 bytes are appended to the file {@code data} beside it, unless that is
   * null.
   */
  public void write(Path file, String data) {
    byte[] graph = message(out -> {
      for (byte[] n : nodes) {
        out.writeByteArray(1, n);
      }
      out.writeString(2, "main_graph");
      for (Initializer i : initializers) {
        boolean outside = data != null && i.content().raw().length > ALIGNMENT;
        long offset = outside ? append(file.resolveSibling(data), i.content().raw()) : -1;
        out.writeByteArray(5, tensor(i.name(), i.content(), data, offset));
      }
      for (byte[] v : inputs) {
        out.writeByteArray(11, v);
      }
      for (byte[] v : outputs) {
        out.writeByteArray(12, v);
      }
    });
    byte[] model = message(out -> {
      out.writeInt64(1, opset >= 19 ? 9 : opset >= 15 ? 8 : 7);
      out.writeString(2, "catena-tests");
      out.writeByteArray(7, graph);
      out.writeByteArray(8, message(o -> {
        o.writeString(1, "");
        o.writeInt64(2, opset);
      }));
    });
    try {
      Files.write(file, model);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static long append(Path file, byte[] raw) throws IOException {
    long size = Files.exists(file) ? Files.size(file) : 0;
    int padding = (int) ((ALIGNMENT - size % ALIGNMENT) % ALIGNMENT);
    byte[] padded = new byte[padding + raw.length];
    System.arraycopy(raw, 0, padded, padding, raw.length);
    Files.write(file, padded, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    return size + padding;
  }

  private static byte[] valueInfo(String name, OnnxElement element, Object... dims) {
    byte[] shape = message(out -> {
      for (Object d : dims) {
        out.writeByteArray(1, message(o -> {
          if (d instanceof Number n) {
            o.writeInt64(1, n.longValue());
          } else {
            o.writeString(2, (String) d);
          }
        }));
      }
    });
    byte[] tensorType = message(out -> {
      out.writeInt32(1, element.number);
      out.writeByteArray(2, shape);
    });
    return message(out -> {
      out.writeString(1, name);
      out.writeByteArray(2, message(o -> o.writeByteArray(1, tensorType)));
    });
  }

  private static byte[] attribute(OnnxAttribute a) {
    return message(out -> {
      out.writeString(1, a.name());
      if (a.value() instanceof Long i) {
        out.writeInt64(3, i);
        out.writeInt32(20, 2);
      } else if (a.value() instanceof long[] ints) {
        for (long i : ints) {
          out.writeInt64(8, i);
        }
        out.writeInt32(20, 7);
      } else {
        out.writeByteArray(5, tensor("", (OnnxContent) a.value(), null, -1));
        out.writeInt32(20, 4);
      }
    });
  }

  private static byte[] tensor(String name, OnnxContent content, String data, long offset) {
    return message(out -> {
      for (long d : content.shape()) {
        out.writeInt64(1, d);
      }
      out.writeInt32(2, content.element().number);
      if (!name.isEmpty()) {
        out.writeString(8, name);
      }
      if (offset < 0) {
        out.writeByteArray(9, content.raw());
      } else {
        out.writeByteArray(13, entry("location", data));
        out.writeByteArray(13, entry("offset", Long.toString(offset)));
        out.writeByteArray(13, entry("length", Integer.toString(content.raw().length)));
        out.writeInt32(14, EXTERNAL);
      }
    });
  }

  private static byte[] entry(String key, String value) {
    return message(out -> {
      out.writeString(1, key);
      out.writeString(2, value);
    });
  }

  private static byte[] message(Fields fields) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    try {
      fields.write(out);
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }
}
