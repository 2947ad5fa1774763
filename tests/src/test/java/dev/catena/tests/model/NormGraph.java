package dev.catena.tests.model;

import java.util.List;

/**
 * RMSNorm up to its scales, as torch 1.13 exports it: casts that change nothing in fp32, the reciprocal root as a
 * division.
 *
 * @param wide   the input, cast to f32
 * @param normed the normed input in the type of activations
 */
record NormGraph(String wide, String normed) {
  private static final double EPSILON = 1e-5;

  static NormGraph of(PieceGraph g, ExportStyle style, String scope, String x) {
    String wide = g.op(scope, "Cast", List.of(x), OnnxAttribute.of("to", OnnxElement.F32.number));
    String squared = g.op(scope, "Pow", List.of(wide, g.scalar(scope, OnnxElement.F32, 2)));
    String mean = style.opset() >= 18
        ? g.op(scope, "ReduceMean", List.of(squared, g.vector(scope, -1)), OnnxAttribute.of("keepdims", 1))
        : g.op(scope, "ReduceMean", List.of(squared), OnnxAttribute.ints("axes", -1), OnnxAttribute.of("keepdims", 1));
    String sum = g.op(scope, "Add", List.of(mean, g.scalar(scope, OnnxElement.F32, EPSILON)));
    String root = g.op(scope, "Sqrt", List.of(sum));
    String inverse = g.op(scope, "Div", List.of(g.scalar(scope, OnnxElement.F32, 1), root));
    String scaled = g.op(scope, "Mul", List.of(wide, inverse));
    return new NormGraph(wide,
        g.op(scope, "Cast", List.of(scaled), OnnxAttribute.of("to", style.element().number)));
  }
}
