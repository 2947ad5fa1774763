package dev.catena.frontend.onnx;

import java.util.List;

/**
 * One attribute of a node; only the field that {@code type} names is set.
 *
 * @param reference in a function's body the name of the caller's attribute that stands here, else empty
 */
record OnnxAttribute(String name, Type type, long integer, float real, String text, long[] integers, float[] reals,
    List<String> texts, OnnxTensor tensor, OnnxSubgraph graph, String reference) {

  /** The same with another graph. */
  OnnxAttribute with(OnnxSubgraph other) {
    return new OnnxAttribute(name, type, integer, real, text, integers, reals, texts, tensor, other, reference);
  }

  /** The same under another name. */
  OnnxAttribute named(String other) {
    return new OnnxAttribute(other, type, integer, real, text, integers, reals, texts, tensor, graph, reference);
  }

  /** The kinds of AttributeProto; what Catena has no use for is {@code OTHER}. */
  enum Type {
    REAL, INTEGER, TEXT, TENSOR, GRAPH, REALS, INTEGERS, TEXTS, OTHER;

    static Type of(int number) {
      return switch (number) {
        case 1 -> REAL;
        case 2 -> INTEGER;
        case 3 -> TEXT;
        case 4 -> TENSOR;
        case 5 -> GRAPH;
        case 6 -> REALS;
        case 7 -> INTEGERS;
        case 8 -> TEXTS;
        default -> OTHER;
      };
    }
  }
}
