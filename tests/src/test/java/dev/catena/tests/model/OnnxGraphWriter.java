package dev.catena.tests.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** Writes one ONNX graph, field by field of onnx.proto. Nothing of the compiler takes part. */
public final class OnnxGraphWriter {
  private static final int EXTERNAL = 1;
  private static final int ALIGNMENT = 64;

  private final int opset;
  private final int irVersion;
  private final List<Node> nodes = new ArrayList<>();
  private final List<ProtoMessage> inputs = new ArrayList<>();
  private final List<Output> outputs = new ArrayList<>();
  private final List<Initializer> initializers = new ArrayList<>();

  private record Output(String name, OnnxElement element, Object[] dims) {}

  private record Initializer(String name, OnnxContent content) {}

  private record Node(String domain, String type, String name, List<String> operands, List<String> results,
      List<OnnxAttribute> attributes) {
    ProtoMessage message() {
      ProtoMessage node = new ProtoMessage();
      operands.forEach(s -> node.text(1, s));
      results.forEach(s -> node.text(2, s));
      node.text(3, name).text(4, type);
      attributes.forEach(a -> node.message(5, attribute(a)));
      return domain.isEmpty() ? node : node.text(7, domain);
    }

    Node renamed(String prefix, UnaryOperator<String> value) {
      return new Node(domain, type, prefix + name, operands.stream().map(value).toList(), results.stream().map(value).toList(),
          attributes);
    }
  }

  /** Of the IR version that exporters write with this opset. */
  public OnnxGraphWriter(int opset) {
    this(opset, opset >= 21 ? 10 : opset >= 19 ? 9 : opset >= 15 ? 8 : 7);
  }

  /** Of an IR version; in the first three initializers are inputs, too. */
  public OnnxGraphWriter(int opset, int irVersion) {
    this.opset = opset;
    this.irVersion = irVersion;
  }

  /** Declares a graph input; a dimension is a {@code Number}, or a name where it is dynamic. */
  public void input(String name, OnnxElement element, Object... dims) {
    inputs.add(valueInfo(name, element, dims));
  }

  public void output(String name, OnnxElement element, Object... dims) {
    outputs.add(new Output(name, element, dims));
  }

  /** Declares an output whose type its node tells. */
  public void output(String name) {
    outputs.add(new Output(name, null, null));
  }

  public void initializer(String name, OnnxContent content) {
    initializers.add(new Initializer(name, content));
  }

  /** Adds a node; an empty name among the operands leaves an optional one out. */
  public void node(String type, String name, List<String> operands, List<String> results, OnnxAttribute... attributes) {
    nodes.add(new Node("", type, name, operands, results, List.of(attributes)));
  }

  /** Adds a node of ONNX Runtime's own domain. */
  public void contrib(String type, List<String> operands, List<String> results, OnnxAttribute... attributes) {
    nodes.add(new Node("com.microsoft", type, type + "_" + nodes.size(), operands, results, List.of(attributes)));
  }

  /**
   * Adds another graph's nodes and initializers.
   *
   * @param prefix of all its names
   * @param wires  its names that stand for something here, with what they stand for
   */
  public void join(OnnxGraphWriter other, String prefix, Map<String, String> wires) {
    UnaryOperator<String> value = name -> name.isEmpty() ? name : wires.getOrDefault(name, prefix + name);
    other.nodes.forEach(n -> nodes.add(n.renamed(prefix, value)));
    other.initializers.forEach(i -> initializers.add(new Initializer(value.apply(i.name()), i.content())));
  }

  /** Stores the f32 initializers in bf16, each with a Cast to f32. */
  void castFromBf16() {
    for (int i = 0; i < initializers.size(); i++) {
      Initializer full = initializers.get(i);
      if (full.content().element() == OnnxElement.F32) {
        String stored = full.name() + ".bf16";
        initializers.set(i, new Initializer(stored, full.content().in(OnnxElement.BF16)));
        nodes.add(0, new Node("", "Cast", stored + "/Cast", List.of(stored), List.of(full.name()),
            List.of(OnnxAttribute.of("to", OnnxElement.F32.number))));
      }
    }
  }

  /** Adds all of another graph under names with {@code prefix}, but for names that begin as one of {@code kept}. */
  void copy(OnnxGraphWriter other, String prefix, String... kept) {
    UnaryOperator<String> value = name -> name.isEmpty() || Arrays.stream(kept).anyMatch(name::startsWith) ? name : prefix + name;
    other.nodes.forEach(n -> nodes.add(n.renamed(prefix, value)));
    other.initializers.forEach(i -> initializers.add(new Initializer(value.apply(i.name()), i.content())));
    other.outputs.forEach(o -> output(prefix + o.name, o.element, o.dims));
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
    try {
      ProtoMessage graph = body("main_graph");
      for (Initializer i : initializers) {
        boolean outside = data != null && i.content().raw().length > ALIGNMENT;
        long offset = outside ? append(file.resolveSibling(data), i.content().raw()) : -1;
        graph.message(5, tensor(i.name(), i.content(), data, offset));
        if (irVersion < 4) {
          graph.message(11, valueInfo(i.name(), i.content().element(), Arrays.stream(i.content().shape()).boxed().toArray()));
        }
      }
      ProtoMessage model = new ProtoMessage().number(1, irVersion).text(2, "catena-tests")
          .message(7, graph).message(8, new ProtoMessage().text(1, "").number(2, opset));
      if (nodes.stream().anyMatch(n -> !n.domain().isEmpty())) {
        model.message(8, new ProtoMessage().text(1, "com.microsoft").number(2, 1));
      }
      Files.write(file, model.toBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The graph but for its initializers. */
  private ProtoMessage body(String name) {
    ProtoMessage graph = new ProtoMessage();
    nodes.forEach(n -> graph.message(1, n.message()));
    graph.text(2, name);
    inputs.forEach(v -> graph.message(11, v));
    outputs.forEach(v -> graph.message(12, valueInfo(v.name, v.element, v.dims)));
    return graph;
  }

  /**
   * The same graph behind an If: {@code choice}, one truth value, takes what the graph computes, else {@code otherwise}, which
   * sees the same inputs and initializers and gives as many outputs.
   */
  public OnnxGraphWriter behindIf(String choice, OnnxGraphWriter otherwise) {
    OnnxGraphWriter outer = new OnnxGraphWriter(opset);
    outer.inputs.addAll(inputs);
    outer.input(choice, OnnxElement.BOOL, 1);
    outer.outputs.addAll(outputs);
    outer.initializers.addAll(initializers);
    outer.initializers.addAll(otherwise.initializers);
    OnnxGraphWriter taken = new OnnxGraphWriter(opset);
    taken.nodes.addAll(nodes);
    taken.outputs.addAll(outputs);
    OnnxGraphWriter other = new OnnxGraphWriter(opset);
    other.nodes.addAll(otherwise.nodes);
    other.outputs.addAll(otherwise.outputs);
    outer.nodes.add(new Node("", "If", "optimum::if", List.of(choice),
        outputs.stream().map(Output::name).toList(),
        List.of(OnnxAttribute.graph("then_branch", taken), OnnxAttribute.graph("else_branch", other))));
    return outer;
  }

  private static long append(Path file, byte[] raw) throws IOException {
    long size = Files.exists(file) ? Files.size(file) : 0;
    int padding = (int) ((ALIGNMENT - size % ALIGNMENT) % ALIGNMENT);
    byte[] padded = new byte[padding + raw.length];
    System.arraycopy(raw, 0, padded, padding, raw.length);
    Files.write(file, padded, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    return size + padding;
  }

  private static ProtoMessage valueInfo(String name, OnnxElement element, Object... dims) {
    if (element == null) {
      return new ProtoMessage().text(1, name);
    }
    ProtoMessage shape = new ProtoMessage();
    for (Object d : dims) {
      shape.message(1, d instanceof Number n ? new ProtoMessage().number(1, n.longValue())
          : new ProtoMessage().text(2, (String) d));
    }
    ProtoMessage tensorType = new ProtoMessage().number(1, element.number).message(2, shape);
    return new ProtoMessage().text(1, name).message(2, new ProtoMessage().message(1, tensorType));
  }

  private static ProtoMessage attribute(OnnxAttribute a) {
    ProtoMessage m = new ProtoMessage().text(1, a.name());
    if (a.value() instanceof Long i) {
      return m.number(3, i).number(20, 2);
    }
    if (a.value() instanceof Float f) {
      return m.real(2, f).number(20, 1);
    }
    if (a.value() instanceof String t) {
      return m.text(4, t).number(20, 3);
    }
    if (a.value() instanceof long[] ints) {
      for (long i : ints) {
        m.number(8, i);
      }
      return m.number(20, 7);
    }
    if (a.value() instanceof float[] reals) {
      for (float f : reals) {
        m.real(7, f);
      }
      return m.number(20, 6);
    }
    if (a.value() instanceof String[] texts) {
      for (String t : texts) {
        m.text(9, t);
      }
      return m.number(20, 8);
    }
    if (a.value() instanceof OnnxGraphWriter g) {
      return m.message(6, g.body(a.name())).number(20, 5);
    }
    return m.message(5, tensor("", (OnnxContent) a.value(), null, -1)).number(20, 4);
  }

  private static ProtoMessage tensor(String name, OnnxContent content, String data, long offset) {
    ProtoMessage m = new ProtoMessage();
    for (long d : content.shape()) {
      m.number(1, d);
    }
    m.number(2, content.element().number);
    if (!name.isEmpty()) {
      m.text(8, name);
    }
    if (offset < 0) {
      return m.bytes(9, content.raw());
    }
    return m.message(13, entry("location", data)).message(13, entry("offset", Long.toString(offset)))
        .message(13, entry("length", Integer.toString(content.raw().length))).number(14, EXTERNAL);
  }

  private static ProtoMessage entry(String key, String value) {
    return new ProtoMessage().text(1, key).text(2, value);
  }
}
