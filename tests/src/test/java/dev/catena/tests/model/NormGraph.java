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
    OnnxElement element = style.has(Form.NORM_WITHOUT_CASTS) ? style.element() : OnnxElement.F32;
    String wide = style.has(Form.NORM_WITHOUT_CASTS) ? x
        : g.op(scope, "Cast", List.of(x), OnnxAttribute.of("to", OnnxElement.F32.number));
    String squared = style.has(Form.MEAN_OF_PRODUCT) ? g.op(scope, "Mul", List.of(wide, wide))
        : g.op(scope, "Pow", List.of(wide, g.scalar(scope, element, 2)));
    String mean = style.opset() >= 18
        ? g.op(scope, "ReduceMean", List.of(squared, g.vector(scope, -1)), OnnxAttribute.of("keepdims", 1))
        : g.op(scope, "ReduceMean", List.of(squared), OnnxAttribute.ints("axes", -1), OnnxAttribute.of("keepdims", 1));
    String sum = g.op(scope, "Add", List.of(mean, g.scalar(scope, element, EPSILON)));
    String scaled;
    if (style.has(Form.ROOT_AS_POWER)) {
      scaled = g.op(scope, "Mul", List.of(wide, g.op(scope, "Pow", List.of(sum, g.scalar(scope, element, -0.5)))));
    } else {
      String root = g.op(scope, "Sqrt", List.of(sum));
      if (style.has(Form.ROOT_DIVIDES)) {
        scaled = g.op(scope, "Div", List.of(wide, root));
      } else {
        String inverse = style.has(Form.ROOT_RECIPROCAL) ? g.op(scope, "Reciprocal", List.of(root))
            : g.op(scope, "Div", List.of(g.scalar(scope, element, 1), root));
        scaled = g.op(scope, "Mul", List.of(wide, inverse));
      }
    }
    return new NormGraph(wide, style.has(Form.NORM_WITHOUT_CASTS) ? scaled
        : g.op(scope, "Cast", List.of(scaled), OnnxAttribute.of("to", style.element().number)));
  }

  /** The norm with its scales, the initializer {@code weight}. */
  static String scaled(PieceGraph g, ExportStyle style, String scope, String x, String weight, String output) {
    if (style.has(Form.NORM_OPERATOR, Form.NORM_OF_ONNXRUNTIME)) {
      String type = style.has(Form.NORM_OPERATOR) ? "RMSNormalization" : "SimplifiedLayerNormalization";
      return g.named(output, scope, type, List.of(x, weight), OnnxAttribute.of("axis", -1),
          OnnxAttribute.of("epsilon", (float) EPSILON));
    }
    if (style.has(Form.NORM_SCALE_FIRST)) {
      String squared = g.op(scope, "Pow", List.of(x, g.scalar(scope, style.element(), 2)));
      String mean = g.op(scope, "ReduceMean", List.of(squared), OnnxAttribute.ints("axes", -1), OnnxAttribute.of("keepdims", 1));
      String root = g.op(scope, "Sqrt", List.of(g.op(scope, "Add", List.of(mean, g.scalar(scope, style.element(), EPSILON)))));
      return g.named(output, scope, "Div", List.of(g.op(scope, "Mul", List.of(x, weight)), root));
    }
    String normed = of(g, style, scope, x).normed();
    return g.named(output, scope, "Mul", style.has(Form.NORM_SCALE_RIGHT) ? List.of(normed, weight) : List.of(weight, normed));
  }
}
