package dev.catena.tests.model;

import java.util.List;

/** Rotary positions in a decoder piece: rows of constant tables by position, and the rotation of halves. */
final class RotaryGraph {
  private static final String SCOPE = "rope";

  private final PieceGraph g;
  private final String cos;
  private final String sin;

  private RotaryGraph(PieceGraph g, String cos, String sin) {
    this.g = g;
    this.cos = cos;
    this.sin = sin;
  }

  /** @param total the number of past and new positions, to which the tables are cut first */
  static RotaryGraph of(PieceGraph g, LlamaShape shape, ExportStyle style, String total) {
    float[] cos = RotaryTables.cos(shape);
    float[] sin = RotaryTables.sin(shape);
    if (!style.gatherElements()) {
      String cutCos = cut(g, style, total, 0, cos, shape.maxSeq(), shape.headDim());
      String cutSin = cut(g, style, total, 0, sin, shape.maxSeq(), shape.headDim());
      return new RotaryGraph(g, gathered(g, style, cutCos), gathered(g, style, cutSin));
    }
    String cutCos = cut(g, style, total, 2, cos, 1, 1, shape.maxSeq(), shape.headDim());
    String cutSin = cut(g, style, total, 2, sin, 1, 1, shape.maxSeq(), shape.headDim());
    String index = tiledIndex(g, style, cutCos);
    return new RotaryGraph(g, gatheredElements(g, cutCos, index), gatheredElements(g, cutSin, index));
  }

  private static String cut(PieceGraph g, ExportStyle style, String total, int axis, float[] table, long... dims) {
    String t = g.constant(SCOPE, OnnxContent.reals(style.element(), table, dims));
    String end = g.op(SCOPE, "Unsqueeze", List.of(total, g.vector(SCOPE, 0)));
    return g.op(SCOPE, "Slice", List.of(t, g.vector(SCOPE, 0), end, g.vector(SCOPE, axis), g.vector(SCOPE, 1)));
  }

  private static String gathered(PieceGraph g, ExportStyle style, String table) {
    String rows = g.op(SCOPE, "Gather", List.of(table, style.names().positions()), OnnxAttribute.of("axis", 0));
    return g.op(SCOPE, "Unsqueeze", List.of(rows, g.vector(SCOPE, 1)));
  }

  /** {@code positions[:, None, :, None].repeat(1, cos.shape[1], 1, cos.shape[3])}. */
  private static String tiledIndex(PieceGraph g, ExportStyle style, String table) {
    String column = g.op(SCOPE, "Unsqueeze",
        List.of(g.op(SCOPE, "Unsqueeze", List.of(style.names().positions(), g.vector(SCOPE, 1))), g.vector(SCOPE, 3)));
    String repeats = g.op(SCOPE, "Concat", List.of(g.vector(SCOPE, 1), dimension(g, table, 1), g.vector(SCOPE, 1),
        dimension(g, table, 3)), OnnxAttribute.of("axis", 0));
    return tiled(g, column, repeats);
  }

  /** {@code torch.gather(table.repeat(batch, 1, 1, 1), 2, index)}. */
  private static String gatheredElements(PieceGraph g, String table, String index) {
    String repeats = g.op(SCOPE, "Concat", List.of(dimension(g, index, 0), g.vector(SCOPE, 1), g.vector(SCOPE, 1),
        g.vector(SCOPE, 1)), OnnxAttribute.of("axis", 0));
    return g.op(SCOPE, "GatherElements", List.of(tiled(g, table, repeats), index), OnnxAttribute.of("axis", 2));
  }

  private static String tiled(PieceGraph g, String x, String repeats) {
    String ones = g.op(SCOPE, "ConstantOfShape", List.of(g.op(SCOPE, "Shape", List.of(repeats))),
        OnnxAttribute.tensor("value", OnnxContent.longs(new long[] {1}, 1)));
    return g.op(SCOPE, "Tile", List.of(g.op(SCOPE, "Expand", List.of(x, ones)), repeats));
  }

  private static String dimension(PieceGraph g, String x, int axis) {
    String d = g.op(SCOPE, "Gather", List.of(g.op(SCOPE, "Shape", List.of(x)), g.scalar(SCOPE, axis)),
        OnnxAttribute.of("axis", 0));
    return g.op(SCOPE, "Unsqueeze", List.of(d, g.vector(SCOPE, 0)));
  }

  /** {@code x * cos + cat(-x[half:], x[:half]) * sin}. */
  String rotate(String x) {
    String straight = g.op(SCOPE, "Mul", List.of(x, cos));
    String width = g.op(SCOPE, "Gather", List.of(g.op(SCOPE, "Shape", List.of(x)), g.scalar(SCOPE, 3)),
        OnnxAttribute.of("axis", 0));
    String half = g.op(SCOPE, "Div", List.of(width, g.scalar(SCOPE, 2)));
    for (int i = 0; i < 2; i++) {
      half = g.op(SCOPE, "Cast", List.of(half), OnnxAttribute.of("to", OnnxElement.I64.number));
    }
    String right = slice(x, g.op(SCOPE, "Unsqueeze", List.of(half, g.vector(SCOPE, 0))),
        g.vector(SCOPE, Long.MAX_VALUE));
    String negative = g.op(SCOPE, "Neg", List.of(right));
    String left = slice(x, g.vector(SCOPE, 0), g.op(SCOPE, "Unsqueeze", List.of(half, g.vector(SCOPE, 0))));
    String swapped = g.op(SCOPE, "Concat", List.of(negative, left), OnnxAttribute.of("axis", -1));
    return g.op(SCOPE, "Add", List.of(straight, g.op(SCOPE, "Mul", List.of(swapped, sin))));
  }

  private String slice(String x, String start, String end) {
    return g.op(SCOPE, "Slice", List.of(x, start, end, g.vector(SCOPE, 3), g.vector(SCOPE, 1)));
  }
}
