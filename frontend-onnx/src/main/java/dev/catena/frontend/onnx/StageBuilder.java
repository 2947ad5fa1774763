package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Block;
import dev.catena.ir.Dialects;
import dev.catena.ir.Dim;
import dev.catena.ir.IrException;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Appends operations for one node after the other; each carries the node as its origin, and so do errors about it. */
final class StageBuilder {
  /** Four times what a hundred layers have that were exported operation by operation (345 each in Gemma 3). */
  private static final int MOST_OPERATIONS = 1 << 17;
  /** Of constants that stand in the graph itself, and in its text: a node of a function can make 64 with each call. */
  private static final int MOST_ELEMENTS = 1 << 20;

  private final String file;
  private final NameHints names;
  private Block block;
  private OnnxGraph.Node node;
  private String origin;
  private int operations;
  private int elements;

  StageBuilder(Block block, String file, NameHints names) {
    this.block = block;
    this.file = file;
    this.names = names;
  }

  /** From now on appends to {@code next}; gives the block that it appended to before. */
  Block into(Block next) {
    Block before = block;
    block = next;
    return before;
  }

  void begin(OnnxGraph.Node next) {
    node = next;
    origin = null;
  }

  OnnxGraph.Node node() {
    return node;
  }

  String file() {
    return file;
  }

  /** Where the current operations come from. */
  String origin() {
    if (origin == null) { // one text for all operations of a node, which may be thousands
      origin = file + ": " + node.label();
    }
    return origin;
  }

  OnnxException broken(String what) {
    return new OnnxException(origin() + ": " + node.operation() + " " + what);
  }

  Value constant(Tensor value, String hint) {
    elements += value.size();
    if (elements > MOST_ELEMENTS || elements < 0) {
      throw new ModelTooLargeException(origin() + ": the graph has constants of more than " + MOST_ELEMENTS + " elements up to here; make them initializers");
    }
    return append("Constant", List.of(), Map.of("value", new Attribute.Dense(value)), 1, List.of(), hint).result();
  }

  /** @param operation of the {@code onnx} dialect, or with its dialect's name before it */
  Operation append(String operation, List<Value> operands, Map<String, Attribute> attributes, int results) {
    return append(operation, operands, attributes, results, List.of(), null);
  }

  /** Appends an operation with regions. */
  Operation append(String operation, List<Value> operands, int results, List<Block> regions) {
    return append(operation, operands, Map.of(), results, regions, null);
  }

  /** Appends an operation with attributes and regions. */
  Operation append(String operation, List<Value> operands, Map<String, Attribute> attributes, int results, List<Block> regions) {
    return append(operation, operands, attributes, results, regions, null);
  }

  private Operation append(String operation, List<Value> operands, Map<String, Attribute> attributes, int results,
      List<Block> regions, String hint) {
    OpDefinition definition = Dialects.get(operation.contains(".") ? operation : "onnx." + operation);
    if (++operations > MOST_OPERATIONS) {
      throw new ModelTooLargeException(origin() + ": the graph has more than " + MOST_OPERATIONS + " operations up to here; cut the model into several");
    }
    Operation op;
    try {
      op = block.append(definition, operands, attributes, results, regions);
      op.results().forEach(StageBuilder::requireCountable);
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

  /** An {@link ArithmeticException} where a result of known size has more bits than a number counts. */
  private static void requireCountable(Value result) {
    if (result.type() instanceof TensorType type && type.isStatic()) {
      type.elements().times(Dim.of(Long.SIZE));
    }
  }

  /** Appends with one result and no attributes. */
  Value append(String operation, Value... operands) {
    return append(operation, java.util.Arrays.asList(operands), Collections.emptyMap(), 1, List.of(), operation).result();
  }
}
