package dev.catena.frontend.onnx;

import dev.catena.frontend.onnx.OnnxGraph.Node;
import dev.catena.ir.StepLimit;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * About how many steps the code of a graph will have, told from its nodes alone: a graph of far too many is refused as soon
 * as it is read, not once it is imported and half lowered.
 */
final class StepEstimate {
  private final String file;
  private int steps;

  private StepEstimate(String file) {
    this.file = file;
  }

  /** @throws ModelTooLargeException naming the node where the steps became too many */
  static void require(OnnxGraph graph) {
    StepEstimate estimate = new StepEstimate(graph.fileName());
    estimate.add(graph.nodes(), graph.outputs());
  }

  private void add(List<Node> nodes, List<OnnxGraph.ValueInfo> outputs) {
    Map<String, Integer> readers = new HashMap<>();
    outputs.forEach(output -> readers.merge(output.name(), 2, Integer::sum)); // in memory, whoever else reads it
    for (Node node : nodes) {
      node.inputs().forEach(name -> readers.merge(name, 1, Integer::sum));
      graphs(node).forEach(graph -> graph.captured().forEach(name -> readers.merge(name, 2, Integer::sum)));
    }
    for (Node node : nodes) {
      steps += ofNode(node);
      for (String output : node.outputs()) {
        // What one reader alone reads mostly becomes a part of its loops; else it is allocated, computed and given back.
        steps += computes(node) && readers.getOrDefault(output, 0) > 1 ? 4 : 0;
      }
      if (steps > StepLimit.MOST_STEPS) {
        throw new ModelTooLargeException(file + ": " + node.label() + ": " + StepLimit.REFUSAL);
      }
      graphs(node).forEach(graph -> add(graph.nodes(), graph.outputs()));
    }
  }

  private static List<OnnxSubgraph> graphs(Node node) {
    return node.attributes().values().stream().map(OnnxAttribute::graph).filter(Objects::nonNull).toList();
  }

  private static int ofNode(Node node) {
    return switch (node.operation()) {
      case "Constant", "Identity" -> 0;
      case "MatMul", "Gemm" -> 6;
      case "Conv", "ConvTranspose", "If" -> 10;
      case "Softmax", "LogSoftmax", "Loop", "Scan" -> 16;
      case "GRU", "LSTM", "RNN" -> 60;
      default -> 1;
    };
  }

  /** Not what is mostly known when a model is compiled, or only a view of its operand. */
  private static boolean computes(Node node) {
    return switch (node.operation()) {
      case "Cast", "Concat", "Constant", "ConstantOfShape", "Equal", "Expand", "Gather", "Identity", "Range", "Reshape", "Shape", "Slice",
          "Squeeze", "Transpose", "Unsqueeze", "Where" -> false;
      default -> true;
    };
  }
}
