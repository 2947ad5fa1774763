package dev.catena.ir.onnx;

import dev.catena.ir.OpDefinition;
import java.util.List;
import java.util.stream.Stream;

/** The operations of ONNX as imported: ONNX's own names, operands and attributes, normalised to the newest opset. */
public final class OnnxDialect {
  public static final List<OpDefinition> OPERATIONS = Stream.of(
      ElementwiseOps.OPERATIONS, LogicOps.OPERATIONS, ConstantOps.OPERATIONS, ShapeOps.OPERATIONS,
      DataMovementOps.OPERATIONS, IndexingOps.OPERATIONS, MatMulOps.OPERATIONS, ReductionOps.OPERATIONS,
      SortingOps.OPERATIONS, NormalizationOps.OPERATIONS, AttentionOps.OPERATIONS, ConvolutionOps.OPERATIONS,
      PoolingOps.OPERATIONS, SelectionOps.OPERATIONS, BitwiseOps.OPERATIONS, ControlOps.OPERATIONS).flatMap(List::stream).toList();

  private OnnxDialect() {}
}
