package dev.catena.tests.model;

import java.util.List;

/** A causal mask that a decoder computes from sizes or from an attention mask of ones, as exporters of newer models do. */
final class MaskGraph {
  private static final String SCOPE = "mask";

  private final PieceGraph g;
  private final ExportStyle style;
  private final String rows;
  private final String past;
  private final String total;

  /** All three are names of integers of rank 0. */
  MaskGraph(PieceGraph g, ExportStyle style, String rows, String past, String total) {
    this.g = g;
    this.style = style;
    this.rows = rows;
    this.past = past;
    this.total = total;
  }

  private String lowest() {
    return g.scalar(SCOPE, OnnxElement.F32, style.element() == OnnxElement.F16 ? -65504 : -Float.MAX_VALUE);
  }

  /** The additive mask [rows, total] or [1, 1, rows, total], of the activations' type. */
  String additive() {
    String mask = style.has(Form.MASK_BY_TRILU) ? trilu() : style.has(Form.MASK_BY_SCATTER) ? scattered()
        : style.has(Form.MASK_FROM_INTEGERS) ? fromIntegers()
        : g.op(SCOPE, "Where", List.of(hidden(), lowest(), g.scalar(SCOPE, OnnxElement.F32, 0)));
    return style.element() == OnnxElement.F32 ? mask
        : g.op(SCOPE, "Cast", List.of(mask), OnnxAttribute.of("to", style.element().number));
  }

  /** {@code torch.triu(torch.full((rows, total), lowest), diagonal=past + 1)}. */
  private String trilu() {
    String full = g.op(SCOPE, "Expand", List.of(lowest(), sizes(rows, total)));
    return g.op(SCOPE, "Trilu", List.of(full, g.op(SCOPE, "Add", List.of(past, g.scalar(SCOPE, 1)))), OnnxAttribute.of("upper", 1));
  }

  /** {@code arange(total) > arange(past, total)[:, None]}. */
  String hidden() {
    return g.op(SCOPE, "Greater", List.of(range(g.scalar(SCOPE, 0), total), column(range(past, total))));
  }

  /** {@code causal[:, :, :, :total] = mask}, which torch exports as ScatterND over all indices. */
  private String scattered() {
    String triangle = trilu();
    String shape = g.op(SCOPE, "Concat", List.of(g.vector(SCOPE, 1), g.vector(SCOPE, 1), vector(rows), vector(total)),
        OnnxAttribute.of("axis", 0));
    String zeros = g.op(SCOPE, "ConstantOfShape", List.of(shape),
        OnnxAttribute.tensor("value", OnnxContent.reals(OnnxElement.F32, new float[1], 1)));
    String updates = g.op(SCOPE, "Unsqueeze", List.of(triangle, g.vector(SCOPE, 0, 1)));
    String[] index = new String[4];
    String full = g.op(SCOPE, "Concat", List.of(shape, g.vector(SCOPE, 1)), OnnxAttribute.of("axis", 0));
    String zero = g.scalar(SCOPE, 0);
    String[] counts = {g.scalar(SCOPE, 1), g.scalar(SCOPE, 1), rows, total};
    for (int axis = 0; axis < 4; axis++) {
      long[] others = new long[4];
      for (int i = 0, n = 0; i < 5; i++) {
        if (i != axis) {
          others[n++] = i;
        }
      }
      String alone = g.op(SCOPE, "Unsqueeze", List.of(range(zero, counts[axis]), g.vector(SCOPE, others)));
      index[axis] = g.op(SCOPE, "Expand", List.of(alone, full));
    }
    String indices = g.op(SCOPE, "Concat", List.of(index), OnnxAttribute.of("axis", -1));
    return g.op(SCOPE, "ScatterND", List.of(zeros, indices, updates));
  }

  /** The mask of integers [1, total] widened and inverted, beside the triangle; as transformers' Llama of 2023. */
  private String fromIntegers() {
    String wide = g.op(SCOPE, "Expand", List.of(
        g.op(SCOPE, "Cast", List.of(g.op(SCOPE, "Unsqueeze", List.of(style.names().mask(), g.vector(SCOPE, 1, 2)))),
            OnnxAttribute.of("to", OnnxElement.F32.number)),
        g.op(SCOPE, "Concat", List.of(g.vector(SCOPE, 1), g.vector(SCOPE, 1), vector(rows), vector(total)),
            OnnxAttribute.of("axis", 0))));
    String inverted = g.op(SCOPE, "Sub", List.of(g.scalar(SCOPE, OnnxElement.F32, 1), wide));
    String padded = g.op(SCOPE, "Where", List.of(g.op(SCOPE, "Cast", List.of(inverted), OnnxAttribute.of("to", 9)), lowest(), inverted));
    return g.op(SCOPE, "Add", List.of(padded, g.op(SCOPE, "Unsqueeze", List.of(trilu(), g.vector(SCOPE, 0, 1)))));
  }

  private String range(String from, String to) {
    return g.op(SCOPE, "Range", List.of(from, to, g.scalar(SCOPE, 1)));
  }

  private String column(String vector) {
    return g.op(SCOPE, "Unsqueeze", List.of(vector, g.vector(SCOPE, 1)));
  }

  private String vector(String scalar) {
    return g.op(SCOPE, "Unsqueeze", List.of(scalar, g.vector(SCOPE, 0)));
  }

  private String sizes(String a, String b) {
    return g.op(SCOPE, "Concat", List.of(vector(a), vector(b)), OnnxAttribute.of("axis", 0));
  }
}
