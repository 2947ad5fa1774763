package dev.catena.tests.model;

import java.util.List;

/** Rotary positions in a decoder piece: rows of constant tables by position, and the rotation of halves. */
final class RotaryGraph {
  private static final String SCOPE = "rope";

  private final PieceGraph g;
  private final String cos;
  private final String sin;

  private final ExportStyle style;
  private final LlamaShape shape;

  private RotaryGraph(PieceGraph g, LlamaShape shape, ExportStyle style, String cos, String sin) {
    this.g = g;
    this.shape = shape;
    this.style = style;
    this.cos = cos;
    this.sin = sin;
  }

  /**
   * @param past  the number of past positions
   * @param total the number of past and new positions, to which the tables are cut first
   */
  static RotaryGraph of(PieceGraph g, LlamaShape shape, ExportStyle style, String past, String total) {
    boolean apart = style.has(Form.ROTATED_APART);
    int width = apart ? shape.headDim() / 2 : shape.headDim();
    float[] cos = apart ? firstHalf(RotaryTables.cos(shape), shape.headDim()) : RotaryTables.cos(shape);
    float[] sin = apart ? firstHalf(RotaryTables.sin(shape), shape.headDim()) : RotaryTables.sin(shape);
    if (style.has(Form.ANGLES_BY_MATMUL, Form.ANGLES_BY_MUL, Form.ANGLES_BY_EINSUM)) {
      String angles = angles(g, shape, style, past, total);
      String whole = apart ? angles : g.op(SCOPE, "Concat", List.of(angles, angles), OnnxAttribute.of("axis", -1));
      return new RotaryGraph(g, shape, style, trigonometric(g, style, "Cos", whole), trigonometric(g, style, "Sin", whole));
    }
    if (style.has(Form.TABLE_BY_PAST)) {
      return new RotaryGraph(g, shape, style, between(g, style, past, total, cos, shape.maxSeq(), width),
          between(g, style, past, total, sin, shape.maxSeq(), width));
    }
    if (style.has(Form.TABLE_UNCUT)) {
      String c = g.constant(SCOPE, OnnxContent.reals(style.element(), cos, shape.maxSeq(), width));
      String t = g.constant(SCOPE, OnnxContent.reals(style.element(), sin, shape.maxSeq(), width));
      return new RotaryGraph(g, shape, style, gathered(g, style, c), gathered(g, style, t));
    }
    if (!style.gatherElements()) {
      String cutCos = cut(g, style, total, 0, cos, shape.maxSeq(), width);
      String cutSin = cut(g, style, total, 0, sin, shape.maxSeq(), width);
      return new RotaryGraph(g, shape, style, gathered(g, style, cutCos), gathered(g, style, cutSin));
    }
    String cutCos = cut(g, style, total, 2, cos, 1, 1, shape.maxSeq(), shape.headDim());
    String cutSin = cut(g, style, total, 2, sin, 1, 1, shape.maxSeq(), shape.headDim());
    String index = tiledIndex(g, style, cutCos);
    return new RotaryGraph(g, shape, style, gatheredElements(g, cutCos, index), gatheredElements(g, cutSin, index));
  }

  private static String cut(PieceGraph g, ExportStyle style, String total, int axis, float[] table, long... dims) {
    String t = g.constant(SCOPE, OnnxContent.reals(style.element(), table, dims));
    String end = g.op(SCOPE, "Unsqueeze", List.of(total, g.vector(SCOPE, 0)));
    return g.op(SCOPE, "Slice", List.of(t, g.vector(SCOPE, 0), end, g.vector(SCOPE, axis), g.vector(SCOPE, 1)));
  }

  private static String gathered(PieceGraph g, ExportStyle style, String table) {
    String rows = g.op(SCOPE, "Gather", List.of(table, style.names().positions()), OnnxAttribute.of("axis", 0));
    return g.op(SCOPE, "Unsqueeze", List.of(rows, g.vector(SCOPE, headAxis(style))));
  }

  private static int headAxis(ExportStyle style) {
    return style.has(Form.ROTATED_BEFORE_TRANSPOSE) ? 2 : 1;
  }

  private static float[] firstHalf(float[] table, int width) {
    float[] half = new float[table.length / 2];
    for (int i = 0; i < half.length; i++) {
      half[i] = table[i / (width / 2) * width + i % (width / 2)];
    }
    return half;
  }

  /** Rows past to total of the table, with no word of positions. */
  private static String between(PieceGraph g, ExportStyle style, String past, String total, float[] table, long... dims) {
    String t = g.constant(SCOPE, OnnxContent.reals(style.element(), table, dims));
    String rows = g.op(SCOPE, "Slice", List.of(t, g.op(SCOPE, "Unsqueeze", List.of(past, g.vector(SCOPE, 0))),
        g.op(SCOPE, "Unsqueeze", List.of(total, g.vector(SCOPE, 0))), g.vector(SCOPE, 0)));
    return style.has(Form.ROTATED_BEFORE_TRANSPOSE) ? g.op(SCOPE, "Unsqueeze", List.of(rows, g.vector(SCOPE, 1))) : rows;
  }

  /** Position times inverse frequency: [1, rows, half], or [rows, half]. */
  private static String angles(PieceGraph g, LlamaShape shape, ExportStyle style, String past, String total) {
    int half = shape.headDim() / 2;
    float[] frequencies = RotaryTables.inverseFrequencies(shape);
    OnnxAttribute toReal = OnnxAttribute.of("to", OnnxElement.F32.number);
    if (style.has(Form.ANGLES_BY_EINSUM)) {
      String positions = g.op(SCOPE, "Cast", List.of(g.op(SCOPE, "Range", List.of(past, total, g.scalar(SCOPE, 1)))), toReal);
      return g.op(SCOPE, "Einsum", List.of(positions, g.constant(SCOPE, OnnxContent.reals(OnnxElement.F32, frequencies, half))),
          OnnxAttribute.of("equation", "i,j->ij"));
    }
    if (style.has(Form.ANGLES_BY_MUL)) {
      String positions = g.op(SCOPE, "Cast",
          List.of(g.op(SCOPE, "Unsqueeze", List.of(style.names().positions(), g.vector(SCOPE, 2)))), toReal);
      return g.op(SCOPE, "Mul", List.of(positions, g.constant(SCOPE, OnnxContent.reals(OnnxElement.F32, frequencies, half))));
    }
    String positions = g.op(SCOPE, "Cast",
        List.of(g.op(SCOPE, "Unsqueeze", List.of(style.names().positions(), g.vector(SCOPE, 1)))), toReal);
    String product = g.op(SCOPE, "MatMul",
        List.of(g.constant(SCOPE, OnnxContent.reals(OnnxElement.F32, frequencies, 1, half, 1)), positions));
    return g.op(SCOPE, "Transpose", List.of(product), OnnxAttribute.ints("perm", 0, 2, 1));
  }

  private static String trigonometric(PieceGraph g, ExportStyle style, String function, String angles) {
    String value = g.op(SCOPE, function, List.of(angles));
    if (style.element() != OnnxElement.F32) {
      value = g.op(SCOPE, "Cast", List.of(value), OnnxAttribute.of("to", style.element().number));
    }
    if (style.has(Form.ANGLES_BY_EINSUM)) {
      return style.has(Form.ROTATED_BEFORE_TRANSPOSE) ? g.op(SCOPE, "Unsqueeze", List.of(value, g.vector(SCOPE, 1))) : value;
    }
    return g.op(SCOPE, "Unsqueeze", List.of(value, g.vector(SCOPE, headAxis(style))));
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
    String[] halves = halves(x);
    if (style.has(Form.ROTATED_APART)) {
      String low = g.op(SCOPE, "Sub", List.of(g.op(SCOPE, "Mul", List.of(halves[0], cos)), g.op(SCOPE, "Mul", List.of(halves[1], sin))));
      String high = g.op(SCOPE, "Add", List.of(g.op(SCOPE, "Mul", List.of(halves[1], cos)), g.op(SCOPE, "Mul", List.of(halves[0], sin))));
      return g.op(SCOPE, "Concat", List.of(low, high), OnnxAttribute.of("axis", -1));
    }
    String straight = g.op(SCOPE, "Mul", List.of(x, cos));
    String negative = style.has(Form.NEGATED_BY_MUL)
        ? g.op(SCOPE, "Mul", List.of(halves[1], g.scalar(SCOPE, style.element(), -1)))
        : g.op(SCOPE, "Neg", List.of(halves[1]));
    String swapped = g.op(SCOPE, "Concat", List.of(negative, halves[0]), OnnxAttribute.of("axis", -1));
    return g.op(SCOPE, "Add", List.of(straight, g.op(SCOPE, "Mul", List.of(swapped, sin))));
  }

  private String[] halves(String x) {
    if (style.has(Form.HALVES_BY_SPLIT)) {
      return g.two(SCOPE, "Split", List.of(x, g.vector(SCOPE, shape.headDim() / 2, shape.headDim() / 2)),
          OnnxAttribute.of("axis", -1));
    }
    if (style.has(Form.SHAPES_FOLDED)) {
      String half = g.vector(SCOPE, shape.headDim() / 2);
      return new String[] {slice(x, g.vector(SCOPE, 0), half), slice(x, half, g.vector(SCOPE, Long.MAX_VALUE))};
    }
    String width = g.op(SCOPE, "Gather", List.of(g.op(SCOPE, "Shape", List.of(x)), g.scalar(SCOPE, 3)),
        OnnxAttribute.of("axis", 0));
    String half = g.op(SCOPE, "Div", List.of(width, g.scalar(SCOPE, 2)));
    for (int i = 0; i < 2; i++) {
      half = g.op(SCOPE, "Cast", List.of(half), OnnxAttribute.of("to", OnnxElement.I64.number));
    }
    String right = slice(x, g.op(SCOPE, "Unsqueeze", List.of(half, g.vector(SCOPE, 0))), g.vector(SCOPE, Long.MAX_VALUE));
    String left = slice(x, g.vector(SCOPE, 0), g.op(SCOPE, "Unsqueeze", List.of(half, g.vector(SCOPE, 0))));
    return new String[] {left, right};
  }

  private String slice(String x, String start, String end) {
    return style.has(Form.SHAPES_FOLDED) ? g.op(SCOPE, "Slice", List.of(x, start, end, g.vector(SCOPE, -1)))
        : g.op(SCOPE, "Slice", List.of(x, start, end, g.vector(SCOPE, 3), g.vector(SCOPE, 1)));
  }
}
