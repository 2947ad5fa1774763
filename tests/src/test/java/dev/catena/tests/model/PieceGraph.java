package dev.catena.tests.model;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A piece in the making, with tensor names as torch gives them: by module and operation, or simply numbered. */
final class PieceGraph {
  private final OnnxGraphWriter writer;
  private final boolean numbered;
  private final QuantizedMatrices quantized;
  private final Map<String, Integer> used = new HashMap<>();
  private int next = 11;

  PieceGraph(ExportStyle style) {
    writer = new OnnxGraphWriter(style.opset());
    numbered = style.numberedNames();
    quantized = new QuantizedMatrices(writer, style);
  }

  OnnxGraphWriter writer() {
    return writer;
  }

  /** Adds an operation of the module {@code scope} and returns the name of its result. */
  String op(String scope, String type, List<String> operands, OnnxAttribute... attributes) {
    String result = resultName(scope, type);
    node(type, result, operands, result, attributes);
    return result;
  }

  private void node(String type, String name, List<String> operands, String result, OnnxAttribute... attributes) {
    if (!type.equals("MatMul") || !quantized.product(operands.get(0), operands.get(1), result)) {
      writer.node(type, nodeName(name), operands, List.of(result), attributes);
    }
  }

  /** Adds an operation and returns the names of its first results. */
  String[] several(int results, String scope, String type, List<String> operands, OnnxAttribute... attributes) {
    String[] names = new String[results];
    for (int i = 0; i < results; i++) {
      names[i] = resultName(scope, type);
    }
    writer.node(type, nodeName(names[0]), operands, List.of(names), attributes);
    return names;
  }

  String[] two(String scope, String type, List<String> operands, OnnxAttribute... attributes) {
    return several(2, scope, type, operands, attributes);
  }

  /** Adds an operation whose result is a graph output. */
  void last(String output, String type, List<String> operands, OnnxAttribute... attributes) {
    node(type, resultName("", type), operands, output, attributes);
  }

  /** Adds an operation whose result has the given name, or one of its own where that is null. */
  String named(String output, String scope, String type, List<String> operands, OnnxAttribute... attributes) {
    if (output == null) {
      return op(scope, type, operands, attributes);
    }
    last(output, type, operands, attributes);
    return output;
  }

  String constant(String scope, OnnxContent content) {
    return op(scope, "Constant", List.of(), OnnxAttribute.tensor("value", content));
  }

  /** A constant vector of integers. */
  String vector(String scope, long... values) {
    return constant(scope, OnnxContent.longs(values, values.length));
  }

  /** A constant integer of rank 0. */
  String scalar(String scope, long value) {
    return constant(scope, OnnxContent.longs(new long[] {value}));
  }

  /** A constant real number of rank 0. */
  String scalar(String scope, OnnxElement element, double value) {
    return constant(scope, OnnxContent.reals(element, new float[] {(float) value}));
  }

  /** Adds an initializer under the name that torch gives transposed weights. */
  String weight(OnnxContent content) {
    String name = "onnx::MatMul_" + (300 + next++);
    if (!quantized.store(name, content)) {
      writer.initializer(name, content);
    }
    return name;
  }

  private String resultName(String scope, String type) {
    if (numbered) {
      return Integer.toString(next++);
    }
    String path = scope.isEmpty() ? "/" + type : "/" + scope + "/" + type;
    int n = used.merge(path, 1, Integer::sum) - 1;
    return path + (n == 0 ? "" : "_" + n) + "_output_0";
  }

  private static String nodeName(String result) {
    return result.endsWith("_output_0") ? result.substring(0, result.length() - "_output_0".length()) : "node_" + result;
  }
}
