package dev.catena.ir.onnx;

import dev.catena.ir.OpDefinition;
import java.util.ArrayList;
import java.util.List;

/** The operations of ONNX as imported: ONNX's own names, operands and attributes, normalised to the newest opset. */
public final class OnnxDialect {
  public static final List<OpDefinition> OPERATIONS;

  static {
    List<OpDefinition> all = new ArrayList<>();
    OPERATIONS = List.copyOf(all);
  }

  private OnnxDialect() {}
}
