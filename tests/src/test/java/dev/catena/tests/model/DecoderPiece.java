package dev.catena.tests.model;

import java.util.List;

/** One decoder layer as torch 1.13 exports it: shapes kept alive in long chains, tables repeated in every piece. */
final class DecoderPiece {
  private final LlamaShape shape;
  private final ExportStyle style;
  private final PieceGraph g;
  private final PieceNames names;
  private final LlamaWeights weights;
  private String batch;
  private String rows;
  private String past;
  private String total;

  DecoderPiece(LlamaShape shape, ExportStyle style, LlamaWeights weights) {
    this.shape = shape;
    this.style = style;
    this.weights = weights;
    names = style.names();
    g = new PieceGraph(style);
  }

  PieceGraph graph() {
    declare();
    boolean half = style.element() != OnnxElement.F32;
    boolean direct = half || style.has(Form.NORM_WITHOUT_CASTS, Form.NORM_OPERATOR, Form.NORM_OF_ONNXRUNTIME,
        Form.NORM_SCALE_FIRST, Form.NORM_SCALE_RIGHT);
    String residual = names.hidden();
    String x;
    if (direct) {
      x = NormGraph.scaled(g, style, "n1", names.hidden(), "n1.weight", null);
    } else {
      NormGraph n1 = NormGraph.of(g, style, "n1", names.hidden());
      x = g.op("n1", "Mul", List.of("n1.weight", n1.normed()));
      residual = n1.wide();
    }
    batch = dimension("", x, 0);
    rows = dimension("", x, 1);
    String[] qkv = qkvHeads(style.has(Form.ROWS_SQUEEZED) ? squeezed(x) : x);
    String q = qkv[0];
    String k = qkv[1];
    String v = transposed(qkv[2]);
    boolean cached = !style.has(Form.NO_CACHE);
    past = cached ? dimension("", names.pastKey(), style.has(Form.KEYS_TURNED) ? 3 : 2) : g.scalar("", 0);
    total = cached ? g.op("", "Add", List.of(rows, past)) : rows;
    RotaryGraph rotary = RotaryGraph.of(g, shape, style, past, total);
    boolean early = style.has(Form.ROTATED_BEFORE_TRANSPOSE);
    String rotatedQ = early ? transposed(rotary.rotate(q)) : rotary.rotate(transposed(q));
    String rotatedK = early ? transposed(rotary.rotate(k)) : rotary.rotate(transposed(k));
    String keys = style.has(Form.KEYS_TURNED) ? turned(rotatedK) : rotatedK;
    if (cached) {
      g.last(names.presentKey(), "Concat", List.of(names.pastKey(), keys), OnnxAttribute.of("axis", style.has(Form.KEYS_TURNED) ? 3 : 2));
      g.last(names.presentValue(), "Concat", List.of(names.pastValue(), v), OnnxAttribute.of("axis", 2));
    }
    String values = repeated(cached ? names.presentValue() : v);
    if (style.has(Form.STRANGE)) {
      values = g.op("strange", "Tanh", List.of(values));
    }
    String attended = attend(rotatedQ, repeated(cached ? names.presentKey() : keys), values);
    String o = projection("o", attended, width(shape.heads()), shape.hidden(), 1, false);
    if (style.has(Form.ROWS_SQUEEZED)) {
      o = g.op("", "Unsqueeze", List.of(o, g.vector("", 0)));
    }
    String middle = g.op("", "Add", List.of(residual, o));
    String y;
    String second = middle;
    if (direct) {
      y = NormGraph.scaled(g, style, "n2", middle, "n2.weight", null);
    } else {
      NormGraph n2 = NormGraph.of(g, style, "n2", middle);
      y = g.op("n2", "Mul", List.of("n2.weight", n2.normed()));
      second = n2.wide();
    }
    String[] gateUp = gateUp(style.has(Form.ROWS_SQUEEZED) ? squeezed(y) : y);
    String gate = gateUp[0];
    String product;
    if (style.has(Form.SILU_REGROUPED)) {
      product = g.op("", "Mul", List.of(gate, g.op("", "Mul", List.of(g.op("", "Sigmoid", List.of(gate)), gateUp[1]))));
    } else {
      String silu = style.has(Form.SILU_QUOTIENT)
          ? g.op("", "Div", List.of(gate, g.op("", "Add", List.of(g.scalar("", style.element(), 1),
              g.op("", "Exp", List.of(g.op("", "Neg", List.of(gate))))))))
          : g.op("", "Mul", List.of(gate, g.op("", "Sigmoid", List.of(gate))));
      product = g.op("", "Mul", List.of(silu, gateUp[1]));
    }
    String down = projection("down", product, shape.ffn(), shape.hidden(), 1, false);
    if (style.has(Form.ROWS_SQUEEZED)) {
      down = g.op("", "Unsqueeze", List.of(down, g.vector("", 0)));
    }
    g.last(names.hiddenOut(), "Add", List.of(second, down));
    return g;
  }

  /** Queries, keys and values as [batch, rows, heads, dim]. */
  private String[] qkvHeads(String x) {
    if (style.has(Form.QKV_STACKED, Form.QKV_STACKED_SPLIT, Form.QKV_INTERLEAVED)) {
      String all = projection("qkv", x, shape.hidden(), 3 * width(shape.heads()), 1.3, style.qkvBias());
      boolean within = style.has(Form.QKV_INTERLEAVED);
      String stacked = g.op("", "Reshape", List.of(all, within ? g.vector("", 1, -1, shape.heads(), 3, shape.headDim())
          : g.vector("", 1, -1, 3, shape.heads(), shape.headDim())));
      String[] parts = new String[3];
      if (style.has(Form.QKV_STACKED)) {
        String outermost = g.op("", "Transpose", List.of(stacked), OnnxAttribute.ints("perm", 2, 0, 3, 1, 4));
        for (int i = 0; i < 3; i++) {
          parts[i] = transposed(g.op("", "Gather", List.of(outermost, g.scalar("", i)), OnnxAttribute.of("axis", 0)));
        }
        return parts;
      }
      String[] split = g.several(3, "", "Split", List.of(stacked), OnnxAttribute.of("axis", within ? 3 : 2));
      for (int i = 0; i < 3; i++) {
        parts[i] = g.op("", "Squeeze", List.of(split[i], g.vector("", within ? 3 : 2)));
      }
      return parts;
    }
    String[] qkv = qkv(x);
    return new String[] {heads(qkv[0], shape.heads()), heads(qkv[1], shape.kvHeads()), heads(qkv[2], shape.kvHeads())};
  }

  private String squeezed(String x) {
    return g.op("", "Squeeze", List.of(x, g.vector("", 0)));
  }

  private String turned(String heads) {
    return g.op("", "Transpose", List.of(heads), OnnxAttribute.ints("perm", 0, 1, 3, 2));
  }

  private String[] qkv(String x) {
    int qWidth = width(shape.heads());
    int kvWidth = width(shape.kvHeads());
    if (style.has(Form.QKV_SPLIT, Form.QKV_SLICED)) {
      String all = projection("qkv", x, shape.hidden(), qWidth + 2 * kvWidth, 1.3, style.qkvBias());
      if (style.has(Form.QKV_SPLIT)) {
        return g.several(3, "", "Split", List.of(all, g.vector("", qWidth, kvWidth, kvWidth)), OnnxAttribute.of("axis", 2));
      }
      return new String[] {columns(all, 0, qWidth), columns(all, qWidth, qWidth + kvWidth),
          columns(all, qWidth + kvWidth, Long.MAX_VALUE)};
    }
    String q = projection("q", x, shape.hidden(), qWidth, 1.5, style.qkvBias());
    if (style.has(Form.SCALE_ON_ROWS)) {
      q = g.op("", "Mul", List.of(q, g.scalar("", style.element(), 1 / Math.sqrt(shape.headDim()))));
    }
    return new String[] {q, projection("k", x, shape.hidden(), kvWidth, 1.5, style.qkvBias()),
        projection("v", x, shape.hidden(), kvWidth, 1, style.qkvBias())};
  }

  private String[] gateUp(String y) {
    if (style.has(Form.GATE_UP_SPLIT)) {
      return g.two("", "Split", List.of(projection("gate_up", y, shape.hidden(), 2 * shape.ffn(), 1, false)),
          OnnxAttribute.of("axis", -1));
    }
    return new String[] {projection("gate", y, shape.hidden(), shape.ffn(), 1, false),
        projection("up", y, shape.hidden(), shape.ffn(), 1, false)};
  }

  private String columns(String x, long from, long to) {
    return g.op("", "Slice", List.of(x, g.vector("", from), g.vector("", to), g.vector("", 2), g.vector("", 1)));
  }

  private String transposed(String heads) {
    return g.op("", "Transpose", List.of(heads), OnnxAttribute.ints("perm", 0, 2, 1, 3));
  }

  private int width(int heads) {
    return heads * shape.headDim();
  }

  /** The inputs that are equal for all layers: mask and positions, as far as the style has them. */
  void declareStep(OnnxGraphWriter w) {
    Object one = style.dynamicBatch() ? "batch" : 1;
    OnnxElement e = style.element();
    String columns = style.has(Form.NO_CACHE) ? "seq" : "total";
    if (style.has(Form.MASK_FROM_INTEGERS)) {
      w.input(names.mask(), OnnxElement.I64, one, columns);
    } else if (style.has(Form.MASK_OF_BOOLEANS)) {
      w.input(names.mask(), OnnxElement.BOOL, one, 1, "seq", columns);
    } else if (!style.computesMask()) {
      w.input(names.mask(), e, one, 1, "seq", columns);
    }
    if (!style.has(Form.TABLE_BY_PAST, Form.ANGLES_BY_EINSUM)) {
      w.input(names.positions(), OnnxElement.I64, one, "seq");
    }
  }

  private void declare() {
    Object one = style.dynamicBatch() ? "batch" : 1;
    OnnxElement e = style.element();
    OnnxGraphWriter w = g.writer();
    w.input(names.hidden(), e, one, "seq", shape.hidden());
    declareStep(w);
    w.output(names.hiddenOut(), e, one, "seq", shape.hidden());
    if (!style.has(Form.NO_CACHE)) {
      declareCache(w, one);
    }
    for (String n : List.of("n1.weight", "n2.weight")) {
      w.initializer(n, OnnxContent.reals(e, weights.scales(shape.hidden()), shape.hidden()));
    }
  }

  private void declareCache(OnnxGraphWriter w, Object batch) {
    OnnxElement e = style.element();
    if (style.has(Form.KEYS_TURNED)) {
      w.input(names.pastKey(), e, batch, shape.kvHeads(), shape.headDim(), "past");
    } else {
      w.input(names.pastKey(), e, batch, shape.kvHeads(), "past", shape.headDim());
    }
    w.input(names.pastValue(), e, batch, shape.kvHeads(), "past", shape.headDim());
    if (style.has(Form.KEYS_TURNED)) {
      w.output(names.presentKey(), e, batch, shape.kvHeads(), shape.headDim(), "total");
    } else {
      w.output(names.presentKey(), e, batch, shape.kvHeads(), "total", shape.headDim());
    }
    w.output(names.presentValue(), e, batch, shape.kvHeads(), "total", shape.headDim());
  }

  private String projection(String scope, String x, int from, int to, double gain, boolean bias) {
    float[] matrix = weights.matrix(from, to, gain);
    OnnxContent b = bias ? OnnxContent.reals(style.element(), weights.normal(to, 0.3), to) : null;
    if (bias) {
      g.writer().initializer(scope + ".bias", b);
    }
    if (style.has(Form.GEMM, Form.GEMM_TRANSPOSED)) {
      boolean turned = style.has(Form.GEMM_TRANSPOSED);
      String w = turned ? turned(matrix, from, to) : g.weight(OnnxContent.reals(style.element(), matrix, from, to));
      String flat = g.op(scope, "Reshape", List.of(x, g.vector(scope, -1, from)));
      String product = g.op(scope, "Gemm", bias ? List.of(flat, w, scope + ".bias") : List.of(flat, w),
          OnnxAttribute.of("transB", turned ? 1 : 0));
      return g.op(scope, "Reshape", List.of(product, joined(asVector(batch), asVector(rows), g.vector(scope, to))));
    }
    String w = style.has(Form.WEIGHT_TRANSPOSED)
        ? g.op(scope, "Transpose", List.of(turned(matrix, from, to)), OnnxAttribute.ints("perm", 1, 0))
        : g.weight(OnnxContent.reals(style.element(), matrix, from, to));
    String product = g.op(scope, "MatMul", List.of(x, w));
    return bias ? g.op(scope, "Add", List.of(scope + ".bias", product)) : product;
  }

  /** The matrix as torch.nn.Linear keeps it. */
  private String turned(float[] matrix, int from, int to) {
    float[] turned = new float[matrix.length];
    for (int i = 0; i < matrix.length; i++) {
      turned[i % to * from + i / to] = matrix[i];
    }
    return g.weight(OnnxContent.reals(style.element(), turned, to, from));
  }

  /** {@code x.size(axis)}. */
  private String dimension(String scope, String x, int axis) {
    return g.op(scope, "Gather", List.of(g.op(scope, "Shape", List.of(x)), g.scalar(scope, axis)),
        OnnxAttribute.of("axis", 0));
  }

  private String asVector(String scalar) {
    return g.op("", "Unsqueeze", List.of(scalar, g.vector("", 0)));
  }

  private String joined(String... parts) {
    return g.op("", "Concat", List.of(parts), OnnxAttribute.of("axis", 0));
  }

  private String heads(String x, int heads) {
    String to = style.has(Form.SHAPES_FOLDED) ? g.vector("", 1, -1, heads, shape.headDim())
        : joined(asVector(batch), asVector(rows), g.vector("", heads), g.vector("", shape.headDim()));
    return g.op("", "Reshape", List.of(x, to));
  }

  /** {@code x[:, :, None].expand(b, h, times, s, d).reshape(b, h * times, s, d)}. */
  private String repeated(String x) {
    int times = shape.heads() / shape.kvHeads();
    if (times == 1) {
      return x;
    }
    if (style.has(Form.REPEAT_BY_GATHER)) {
      long[] index = new long[shape.heads()];
      for (int i = 0; i < index.length; i++) {
        index[i] = i / times;
      }
      return g.op("", "Gather", List.of(x, g.vector("", index)), OnnxAttribute.of("axis", 1));
    }
    if (style.has(Form.REPEAT_BY_TILE, Form.REPEAT_BY_CONCAT, Form.SHAPES_FOLDED)) {
      String column = g.op("", "Unsqueeze", List.of(x, g.vector("", 2)));
      String beside = style.has(Form.REPEAT_BY_TILE) ? g.op("", "Tile", List.of(column, g.vector("", 1, 1, times, 1, 1)))
          : style.has(Form.REPEAT_BY_CONCAT)
              ? g.op("", "Concat", java.util.Collections.nCopies(times, column), OnnxAttribute.of("axis", 2))
              : g.op("", "Expand", List.of(column, g.vector("", 1, 1, times, 1, 1)));
      return g.op("", "Reshape", List.of(beside, g.vector("", 0, shape.heads(), -1, shape.headDim())));
    }
    String[] dims = new String[4];
    for (int i = 0; i < 4; i++) {
      dims[i] = dimension("", x, i);
    }
    String tall = g.op("", "Unsqueeze", List.of(x, g.vector("", 2)));
    String wanted = g.op("", "Reshape", List.of(joined(asVector(dims[0]), asVector(dims[1]), g.vector("", times),
        asVector(dims[2]), asVector(dims[3])), g.vector("", -1)));
    String ones = g.op("", "ConstantOfShape", List.of(g.op("", "Shape", List.of(wanted))),
        OnnxAttribute.tensor("value", OnnxContent.longs(new long[] {1}, 1)));
    String keep = g.op("", "Equal", List.of(wanted, g.op("", "Mul", List.of(ones, g.scalar("", -1)))));
    String wide = g.op("", "Expand", List.of(tall, g.op("", "Where", List.of(keep, ones, wanted))));
    String heads = g.op("", "Mul", List.of(dims[1], g.scalar("", times)));
    return g.op("", "Reshape", List.of(wide,
        joined(asVector(dims[0]), asVector(heads), asVector(dims[2]), asVector(dims[3]))));
  }

  private String scale(String x, double factor) {
    return style.has(Form.SCALE_BY_MUL, Form.SCALE_ON_QUERY, Form.SCALE_ON_BOTH)
        ? g.op("", "Mul", List.of(x, g.scalar("", style.element(), factor)))
        : g.op("", "Div", List.of(x, g.scalar("", style.element(), 1 / factor)));
  }

  private String attend(String q, String k, String v) {
    double factor = 1 / Math.sqrt(shape.headDim());
    if (style.has(Form.ATTENTION_IN_3D)) {
      return attendIn3d(scale(q, factor), k, v);
    }
    String turned = style.has(Form.KEYS_TURNED) ? k : turned(k);
    String left = style.has(Form.SCALE_ON_QUERY) ? scale(q, factor) : style.has(Form.SCALE_ON_BOTH) ? scale(q, Math.sqrt(factor)) : q;
    String right = style.has(Form.SCALE_ON_BOTH) ? scale(turned, Math.sqrt(factor)) : turned;
    String score = g.op("", "MatMul", List.of(left, right));
    if (!style.has(Form.SCALE_ON_QUERY, Form.SCALE_ON_BOTH, Form.SCALE_ON_ROWS)) {
      score = scale(score, factor);
    }
    MaskGraph mask = new MaskGraph(g, style, rows, past, total);
    if (style.has(Form.MASK_OF_BOOLEANS)) {
      double lowest = style.element() == OnnxElement.F16 ? -65504 : -Float.MAX_VALUE;
      score = g.op("", "Where", List.of(names.mask(), score, g.scalar("", style.element(), lowest)));
    } else if (style.has(Form.MASK_ON_SCORES)) {
      double lowest = style.element() == OnnxElement.F16 ? -65504 : -Float.MAX_VALUE;
      score = g.op("", "Where", List.of(mask.hidden(), g.scalar("", style.element(), lowest), score));
    } else if (style.has(Form.MASK_CUT)) {
      score = g.op("", "Add", List.of(score, g.op("", "Slice", List.of(names.mask(), g.vector("", 0), asVector(total),
          g.vector("", 3), g.vector("", 1)))));
    } else {
      score = g.op("", "Add", List.of(score, style.computesMask() ? mask.additive() : names.mask()));
    }
    if (style.gatherElements()) {
      double lowest = style.element() == OnnxElement.F16 ? -65504 : -Float.MAX_VALUE;
      score = g.op("", "Max", List.of(score, g.scalar("", style.element(), lowest)));
    }
    String weight = softmax(score);
    String mixed = transposed(g.op("", "MatMul", List.of(weight, v)));
    String to = style.has(Form.ROWS_SQUEEZED) ? g.vector("", -1, width(shape.heads()))
        : style.has(Form.SHAPES_FOLDED) ? g.vector("", 1, -1, width(shape.heads()))
        : joined(asVector(batch), asVector(rows), g.vector("", width(shape.heads())));
    return g.op("", "Reshape", List.of(mixed, to));
  }

  /** {@code torch.bmm} over [batch · heads, rows, dim], the mask added where heads have an axis of their own. */
  private String attendIn3d(String q, String k, String v) {
    String keys = g.op("", "Transpose", List.of(flatHeads(k, total)), OnnxAttribute.ints("perm", 0, 2, 1));
    String score = g.op("", "MatMul", List.of(flatHeads(q, rows), keys));
    String apart = g.op("", "Reshape", List.of(score, joined(asVector(batch), g.vector("", shape.heads()), asVector(rows),
        asVector(total))));
    MaskGraph mask = new MaskGraph(g, style, rows, past, total);
    String masked = g.op("", "Add", List.of(apart, style.computesMask() ? mask.additive() : names.mask()));
    String together = g.op("", "Reshape", List.of(masked, joined(g.vector("", -1), asVector(rows), asVector(total))));
    String mixed = g.op("", "MatMul", List.of(softmaxOf3d(together), flatHeads(v, total)));
    String heads = g.op("", "Reshape", List.of(mixed, joined(asVector(batch), g.vector("", shape.heads()), asVector(rows),
        g.vector("", shape.headDim()))));
    return g.op("", "Reshape", List.of(transposed(heads), joined(asVector(batch), asVector(rows),
        g.vector("", width(shape.heads())))));
  }

  private String flatHeads(String heads, String length) {
    return g.op("", "Reshape", List.of(heads, joined(g.vector("", -1), asVector(length), g.vector("", shape.headDim()))));
  }

  private String softmaxOf3d(String score) {
    return g.op("", "Softmax", List.of(score), OnnxAttribute.of("axis", -1));
  }

  private String softmax(String score) {
    if (style.has(Form.SOFTMAX_IN_F32)) {
      String wide = g.op("", "Cast", List.of(score), OnnxAttribute.of("to", OnnxElement.F32.number));
      String weight = g.op("", "Softmax", List.of(wide), OnnxAttribute.of("axis", -1));
      return g.op("", "Cast", List.of(weight), OnnxAttribute.of("to", style.element().number));
    }
    String weight = g.op("", "Softmax", List.of(score), OnnxAttribute.of("axis", style.has(Form.SOFTMAX_PLAIN) ? 3 : -1));
    if (style.has(Form.SOFTMAX_GUARDED)) {
      return g.op("", "Where", List.of(g.op("", "IsNaN", List.of(weight)), g.scalar("", style.element(), 0), weight));
    }
    if (style.has(Form.NO_OPERATIONS)) {
      weight = g.op("", "Identity", List.of(g.op("", "Dropout", List.of(weight))));
    }
    if (style.has(Form.SOFTMAX_PLAIN)) {
      return weight;
    }
    String once = g.op("", "Cast", List.of(weight), OnnxAttribute.of("to", OnnxElement.F32.number));
    return g.op("", "Cast", List.of(once), OnnxAttribute.of("to", style.element().number));
  }
}
