package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dialects;
import dev.catena.ir.IrException;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.Value;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Appends operations for one node after the other; each carries the node as its origin, and so do errors about it. */
final class StageBuilder {
  private final Stage stage;
  private final String file;
  private final NameHints names;
  private OnnxGraph.Node node;

  StageBuilder(Stage stage, String file, NameHints names) {
    this.stage = stage;
    this.file = file;
    this.names = names;
  }

  void begin(OnnxGraph.Node next) {
    node = next;
  }

  OnnxGraph.Node node() {
    return node;
  }

  /** Where the current operations come from. */
  String origin() {
    return file + ": " + node.label();
  }

  OnnxException broken(String what) {
    return new OnnxException(origin() + ": " + node.operation() + " " + what);
  }

  Value constant(Tensor value, String hint) {
    return append("Constant", List.of(), Map.of("value", new Attribute.Dense(value)), 1, hint).result();
  }

  Operation append(String operation, List<Value> operands, Map<String, Attribute> attributes, int results) {
    return append(operation, operands, attributes, results, null);
  }

  private Operation append(String operation, List<Value> operands, Map<String, Attribute> attributes, int results,
      String hint) {
    OpDefinition definition = Dialects.get("onnx." + operation);
    Operation op;
    try {
      op = stage.append(definition, operands, attributes, results);
    } catch (IrException e) {
      throw new OnnxException(origin() + ": " + e.getMessage(), e);
    } catch (ArithmeticException e) {
      throw new OnnxException(origin() + ": " + operation + ": the size of the result can't be told: " + e.getMessage(), e);
    }
    op.setOrigin(node == null ? file : origin());
    for (int i = 0; i < results; i++) {
      String from = hint != null ? hint : node != null && i < node.outputs().size() ? node.outputs().get(i) : operation;
      op.result(i).rename(names.value(from, operation));
    }
    return op;
  }

  /** Appends with one result and no attributes. */
  Value append(String operation, Value... operands) {
    return append(operation, java.util.Arrays.asList(operands), Collections.emptyMap(), 1, operation).result();
  }
}
