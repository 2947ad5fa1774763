package dev.catena.frontend.onnx;

import dev.catena.frontend.onnx.OnnxGraph.Dimension;
import dev.catena.frontend.onnx.OnnxGraph.Node;
import dev.catena.frontend.onnx.OnnxGraph.ValueInfo;
import dev.catena.ir.MappedFile;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads a ModelProto down to its nodes; tensors keep their place in the file. */
final class ModelReader {
  static final long OLDEST_OPSET = 7;
  static final long NEWEST_OPSET = 27;
  static final long OLDEST_IR = 3;
  static final long NEWEST_IR = 13;

  /** More of anything than any model has; keeps a hostile file from filling the heap with tiny entries. */
  private static final int MOST_ENTRIES = 1 << 20;
  private static final int HIGHEST_RANK = 64;

  private final MappedFile file;
  private final WireReader in;
  private int entries;
  private long irVersion;
  private long opset = -1;
  private boolean hasGraph;
  private GraphFields graph = new GraphFields();
  private final Map<String, OnnxFunction> functions = new HashMap<>();

  private ModelReader(MappedFile file) {
    this.file = file;
    this.in = new WireReader(file);
  }

  /** Reads {@code file}; what isn't a model, or is broken, is an {@link OnnxException}. */
  static OnnxGraph read(MappedFile file) {
    ModelReader r = new ModelReader(file);
    return r.model();
  }

  private OnnxGraph model() {
    if (file.size() == 0) {
      throw new OnnxException(file.name() + ": not an ONNX file: it is empty");
    }
    in.file(number -> {
      switch (number) {
        case 1 -> irVersion = in.integer();
        case 7 -> {
          if (hasGraph) {
            throw in.broken("a second graph");
          }
          hasGraph = true;
          in.message(this::graphField);
        }
        case 8 -> opsetImport();
        case 25 -> function();
        default -> in.skip();
      }
    });
    if (!hasGraph || irVersion <= 0) {
      throw new OnnxException(file.name() + ": not an ONNX file: it holds no graph (is it truncated?)");
    }
    if (irVersion < OLDEST_IR) {
      throw new OnnxException(file.name() + ": IR version " + irVersion + " isn't supported, " + OLDEST_IR + " to "
          + NEWEST_IR + " are; save the model again with a newer onnx");
    }
    if (opset < 0) {
      throw new OnnxException(file.name() + ": names no opset of the ONNX domain (is it truncated?)");
    }
    if (opset < OLDEST_OPSET) {
      throw new OnnxException(file.name() + ": opset " + opset + " isn't supported, " + OLDEST_OPSET + " to "
          + NEWEST_OPSET + " are; convert the model with onnx.version_converter");
    }
    requireOutputs();
    List<ValueInfo> given = graph.inputs.stream().filter(i -> !graph.initializers.containsKey(i.name())).toList();
    return new OnnxGraph(file, irVersion, opset, FunctionInliner.inline(file.name(), List.copyOf(graph.nodes), functions), graph.initializers, given,
        List.copyOf(graph.outputs));
  }

  private void requireOutputs() {
    if (graph.outputs.isEmpty()) {
      throw new OnnxException(file.name() + ": the graph has no outputs, so it computes nothing");
    }
    Set<String> names = new HashSet<>();
    for (ValueInfo output : graph.outputs) {
      if (!names.add(output.name())) {
        throw new OnnxException(file.name() + ": two outputs are named '" + output.name() + "'");
      }
    }
  }

  private void opsetImport() {
    String[] domain = {""};
    long[] version = {0};
    in.message(number -> {
      switch (number) {
        case 1 -> domain[0] = in.text();
        case 2 -> version[0] = in.integer();
        default -> in.skip();
      }
    });
    if (domain[0].isEmpty() || domain[0].equals("ai.onnx")) {
      opset = version[0];
    }
  }

  private void count() {
    if (++entries > MOST_ENTRIES) {
      throw in.broken("more than " + MOST_ENTRIES + " nodes, attributes and tensors");
    }
  }

  private void graphField(int number) {
    switch (number) {
      case 1 -> graph.nodes.add(node());
      case 5 -> {
        OnnxTensor t = tensor();
        if (graph.initializers.put(t.name(), t) != null) {
          throw new OnnxException(file.name() + ": two initializers are named '" + t.name() + "'");
        }
      }
      case 11 -> graph.inputs.add(valueInfo());
      case 12 -> graph.outputs.add(valueInfo());
      case 15 -> throw new OnnxException(file.name() + ": sparse initializers aren't supported");
      default -> in.skip();
    }
  }

  /** A graph inside a node, such as a branch of If. */
  private OnnxSubgraph subgraph() {
    GraphFields outer = graph;
    graph = new GraphFields();
    in.message(this::graphField);
    OnnxSubgraph read = new OnnxSubgraph(List.copyOf(graph.nodes), graph.initializers, List.copyOf(graph.inputs),
        List.copyOf(graph.outputs));
    graph = outer;
    return read;
  }

  private void function() {
    count();
    GraphFields outer = graph;
    graph = new GraphFields();
    String[] texts = {"", "", ""};
    List<String> inputs = new ArrayList<>();
    List<String> outputs = new ArrayList<>();
    Map<String, OnnxAttribute> defaults = new LinkedHashMap<>();
    in.message(number -> {
      switch (number) {
        case 1 -> texts[0] = in.text();
        case 4 -> {
          count();
          inputs.add(in.text());
        }
        case 5 -> {
          count();
          outputs.add(in.text());
        }
        case 7 -> graph.nodes.add(node());
        case 10 -> texts[1] = in.text();
        case 11 -> {
          OnnxAttribute a = attribute();
          defaults.put(a.name(), a);
        }
        case 13 -> texts[2] = in.text();
        default -> in.skip();
      }
    });
    OnnxFunction f = new OnnxFunction(texts[1], texts[0], texts[2], List.copyOf(inputs), List.copyOf(outputs), defaults,
        List.copyOf(graph.nodes));
    graph = outer;
    if (functions.put(f.key(), f) != null) {
      throw new OnnxException(file.name() + ": two functions are named '" + f.name() + "' (domain " + f.domain() + ")");
    }
  }

  private Node node() {
    count();
    List<String> from = new ArrayList<>();
    List<String> to = new ArrayList<>();
    String[] texts = {"", "", "", ""};
    Map<String, OnnxAttribute> attributes = new LinkedHashMap<>();
    in.message(number -> {
      switch (number) {
        case 1 -> {
          count();
          from.add(in.text());
        }
        case 2 -> {
          count();
          to.add(in.text());
        }
        case 3 -> texts[0] = in.text();
        case 4 -> texts[1] = in.text();
        case 5 -> {
          OnnxAttribute a = attribute();
          if (attributes.put(a.name(), a) != null) {
            throw in.broken("a node has the attribute '" + a.name() + "' twice");
          }
        }
        case 7 -> texts[2] = in.text();
        case 8 -> texts[3] = in.text();
        default -> in.skip();
      }
    });
    if (texts[1].isEmpty()) {
      throw in.broken("node '" + texts[0] + "' names no operation");
    }
    return new Node(graph.nodes.size(), texts[0], texts[2], texts[1], texts[3], List.copyOf(from), List.copyOf(to), attributes);
  }

  /** Collects the fields of one GraphProto. */
  private static final class GraphFields {
    final List<Node> nodes = new ArrayList<>();
    final Map<String, OnnxTensor> initializers = new LinkedHashMap<>();
    final List<ValueInfo> inputs = new ArrayList<>();
    final List<ValueInfo> outputs = new ArrayList<>();
  }

  /** Collects the fields of one AttributeProto. */
  private final class AttributeFields {
    String name = "";
    OnnxAttribute.Type type;
    OnnxAttribute.Type seen = OnnxAttribute.Type.OTHER;
    long integer;
    float real;
    String text = "";
    final Longs integers = new Longs();
    final Longs reals = new Longs();
    final List<String> texts = new ArrayList<>();
    OnnxTensor tensor;
    OnnxSubgraph subgraph;
    String reference = "";

    void field(int number) {
      switch (number) {
        case 1 -> name = in.text();
        case 2 -> {
          real = in.real();
          seen = OnnxAttribute.Type.REAL;
        }
        case 3 -> {
          integer = in.integer();
          seen = OnnxAttribute.Type.INTEGER;
        }
        case 4 -> {
          text = in.text();
          seen = OnnxAttribute.Type.TEXT;
        }
        case 5 -> {
          tensor = tensor();
          seen = OnnxAttribute.Type.TENSOR;
        }
        case 6 -> {
          subgraph = subgraph();
          seen = OnnxAttribute.Type.GRAPH;
        }
        case 11 -> {
          in.skip();
          seen = OnnxAttribute.Type.GRAPH;
        }
        case 7 -> {
          in.fixed32s(reals);
          seen = OnnxAttribute.Type.REALS;
        }
        case 8 -> {
          in.integers(integers);
          seen = OnnxAttribute.Type.INTEGERS;
        }
        case 9 -> {
          count();
          texts.add(in.text());
          seen = OnnxAttribute.Type.TEXTS;
        }
        case 21 -> reference = in.text();
        case 20 -> type = OnnxAttribute.Type.of(in.smallInteger());
        default -> in.skip();
      }
    }

    OnnxAttribute build() {
      long[] bits = reals.toArray();
      float[] values = new float[bits.length];
      for (int i = 0; i < bits.length; i++) {
        values[i] = Float.intBitsToFloat((int) bits[i]);
      }
      // Files from before IR 4 may leave the type out.
      return new OnnxAttribute(name, type == null ? seen : type, integer, real, text, integers.toArray(), values,
          List.copyOf(texts), tensor, subgraph, reference);
    }
  }

  private OnnxAttribute attribute() {
    count();
    AttributeFields a = new AttributeFields();
    in.message(a::field);
    return a.build();
  }

  /** Collects the fields of one TensorProto. */
  private final class TensorFields {
    String name = "";
    int elementType;
    final Longs dims = new Longs();
    WireReader.Range raw;
    final Longs words = new Longs();
    int wordBits;
    final List<String> texts = new ArrayList<>();
    final Map<String, String> external = new LinkedHashMap<>();
    boolean isExternal;

    void field(int number) {
      switch (number) {
        case 1 -> in.integers(dims);
        case 2 -> elementType = in.smallInteger();
        case 4 -> typed(4);
        case 5, 7, 11 -> in.integers(words);
        case 6 -> {
          count();
          texts.add(in.text());
        }
        case 8 -> name = in.text();
        case 9 -> {
          requireNoElements();
          raw = in.range();
        }
        case 10 -> typed(8);
        case 13 -> externalEntry();
        case 14 -> isExternal = in.integer() == 1;
        default -> in.skip();
      }
    }

    private void requireNoElements() {
      if (raw != null || words.size() > 0) {
        throw severalRuns();
      }
    }

    private OnnxException severalRuns() {
      return in.broken("tensor '" + name + "' holds its elements in several runs");
    }

    /** Packed reals in one run look exactly like raw data, so they stay where they are too. */
    private void typed(int width) {
      if (wordBits != 0 && wordBits != width * 8) {
        throw severalRuns();
      }
      if (in.wireType() == WireReader.BYTES) {
        requireNoElements();
        raw = in.range();
        wordBits = width * 8;
        return;
      }
      if (raw != null) {
        throw severalRuns();
      }
      wordBits = width * 8;
      if (width == 4) {
        in.fixed32s(words);
      } else {
        in.fixed64s(words);
      }
    }

    private void externalEntry() {
      String[] entry = {"", ""};
      in.message(number -> {
        switch (number) {
          case 1 -> entry[0] = in.text();
          case 2 -> entry[1] = in.text();
          default -> in.skip();
        }
      });
      if (external.size() > 16) {
        throw in.broken("tensor '" + name + "' has too many entries of external_data");
      }
      external.put(entry[0], entry[1]);
    }

    OnnxTensor build() {
      boolean hasElements = raw != null && raw.length() > 0 || words.size() > 0 || !texts.isEmpty();
      if (raw != null && (words.size() > 0 || !texts.isEmpty()) || words.size() > 0 && !texts.isEmpty()) {
        throw severalRuns();
      }
      if (isExternal && hasElements) {
        throw in.broken("tensor '" + name + "' holds elements, and says that they lie in another file");
      }
      if (dims.size() > HIGHEST_RANK) {
        throw in.broken("tensor '" + name + "' has " + dims.size() + " dimensions");
      }
      return new OnnxTensor(name, elementType, dims.toArray(), raw, words.size() == 0 ? null : words.toArray(), wordBits,
          texts.isEmpty() ? null : List.copyOf(texts), isExternal ? Map.copyOf(external) : null);
    }
  }

  private OnnxTensor tensor() {
    count();
    TensorFields t = new TensorFields();
    in.message(t::field);
    return t.build();
  }

  private ValueInfo valueInfo() {
    count();
    String[] name = {""};
    int[] element = {0};
    List<Dimension> dims = new ArrayList<>();
    boolean[] shaped = {false};
    String[] other = {null};
    in.message(number -> {
      switch (number) {
        case 1 -> name[0] = in.text();
        case 2 -> in.message(type -> {
          if (type != 1) { // only tensors are of interest; the element type stays 0 for the rest
            other[0] = switch (type) {
              case 4 -> "sequence";
              case 5 -> "map";
              case 8 -> "sparse tensor";
              case 9 -> "optional";
              default -> other[0];
            };
            in.skip();
            return;
          }
          in.message(field -> {
            switch (field) {
              case 1 -> element[0] = in.smallInteger();
              case 2 -> {
                shaped[0] = true;
                in.message(f -> {
                  if (f == 1) {
                    count();
                    dims.add(dimension());
                  } else {
                    in.skip();
                  }
                });
              }
              default -> in.skip();
            }
          });
        });
        default -> in.skip();
      }
    });
    if (dims.size() > HIGHEST_RANK) {
      throw in.broken("'" + name[0] + "' has " + dims.size() + " dimensions");
    }
    return new ValueInfo(name[0], element[0], shaped[0] ? List.copyOf(dims) : null, other[0]);
  }

  private Dimension dimension() {
    long[] value = {-1};
    String[] symbol = {""};
    in.message(number -> {
      switch (number) {
        case 1 -> value[0] = in.integer();
        case 2 -> symbol[0] = in.text();
        default -> in.skip();
      }
    });
    return new Dimension(value[0], symbol[0]);
  }

  /** Reads a file that holds one TensorProto, as ONNX's test data do. */
  static OnnxTensor readTensor(MappedFile file) {
    ModelReader r = new ModelReader(file);
    TensorFields t = r.new TensorFields();
    r.in.file(t::field);
    return t.build();
  }
}
