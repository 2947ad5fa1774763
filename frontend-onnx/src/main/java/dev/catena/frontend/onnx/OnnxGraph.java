package dev.catena.frontend.onnx;

import dev.catena.ir.MappedFile;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * One ONNX file as it is written: names, nodes and the places of tensors; no tensor data.
 *
 * @param file         the mapped file; its name stands in every message
 * @param opset        version of the default domain
 * @param inputs       graph inputs that no initializer provides
 */
record OnnxGraph(MappedFile file, long irVersion, long opset, List<Node> nodes, Map<String, OnnxTensor> initializers,
    List<ValueInfo> inputs, List<ValueInfo> outputs) {

  /** The file's name, as messages call it. */
  String fileName() {
    return file.name();
  }

  /**
   * A graph input or output; {@code elementType} is ONNX's number, {@code shape} is null where none is given.
   *
   * @param other what it is where it isn't a tensor ({@code sequence}, {@code optional}, {@code map}), else null
   */
  record ValueInfo(String name, int elementType, List<Dimension> shape, String other) {
    int rank() {
      return shape == null ? -1 : shape.size();
    }
  }

  /** One declared dimension: a value where {@code value} ≥ 0, else a symbol, which may be nameless. */
  record Dimension(long value, String symbol) {
    boolean isKnown() {
      return value >= 0;
    }
  }

  /**
   * One node. Absent operands and results have the empty name.
   *
   * @param index    its place among its graph's nodes
   * @param overload which of a model's functions of one name is called, mostly empty
   */
  record Node(int index, String name, String domain, String operation, String overload, List<String> inputs, List<String> outputs,
      Map<String, OnnxAttribute> attributes) {

    /** A node that calls no overload. */
    Node(int index, String name, String domain, String operation, List<String> inputs, List<String> outputs,
        Map<String, OnnxAttribute> attributes) {
      this(index, name, domain, operation, "", inputs, outputs, attributes);
    }

    /** How messages call it: its name, else what it computes. */
    String label() {
      if (!name.isEmpty()) {
        return "node '" + name + "'";
      }
      return "node " + index + (outputs.isEmpty() ? "" : " (computes '" + outputs.get(0) + "')");
    }

    /** The names that the node reads: its inputs, and what graphs inside it take from around. */
    Set<String> reads() {
      Set<String> names = new LinkedHashSet<>(inputs);
      attributes.values().stream().filter(a -> a.graph() != null).forEach(a -> names.addAll(a.graph().captured()));
      names.remove("");
      return names;
    }

    String input(int i) {
      return i < inputs.size() ? inputs.get(i) : "";
    }

    boolean is(String operationName) {
      return operation.equals(operationName) && isStandard();
    }

    /** Whether the operation is of ONNX's own domain. */
    boolean isStandard() {
      return domain.isEmpty() || domain.equals("ai.onnx");
    }
  }
}
