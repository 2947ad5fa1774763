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

  DecoderPiece(LlamaShape shape, ExportStyle style, LlamaWeights weights) {
    this.shape = shape;
    this.style = style;
    this.weights = weights;
    names = style.names();
    g = new PieceGraph(style);
  }

  PieceGraph graph() {
    declare();
    NormGraph n1 = NormGraph.of(g, style, "n1", names.hidden());
    String x = g.op("n1", "Mul", List.of("n1.weight", n1.normed()));
    batch = dimension("", x, 0);
    rows = dimension("", x, 1);
    String q = heads(projection("q", x, shape.hidden(), width(shape.heads()), 1.5, style.qkvBias()), shape.heads());
    String k = heads(projection("k", x, shape.hidden(), width(shape.kvHeads()), 1.5, style.qkvBias()), shape.kvHeads());
    String v = heads(projection("v", x, shape.hidden(), width(shape.kvHeads()), 1, style.qkvBias()), shape.kvHeads());
    String total = g.op("", "Add", List.of(dimension("", k, 2), dimension("", names.pastKey(), 2)));
    RotaryGraph rotary = RotaryGraph.of(g, shape, style, total);
    String rotatedQ = rotary.rotate(q);
    g.last(names.presentKey(), "Concat", List.of(names.pastKey(), rotary.rotate(k)), OnnxAttribute.of("axis", 2));
    g.last(names.presentValue(), "Concat", List.of(names.pastValue(), v), OnnxAttribute.of("axis", 2));
    String attended = attend(rotatedQ, repeated(names.presentKey()), repeated(names.presentValue()));
    String o = projection("o", attended, width(shape.heads()), shape.hidden(), 1, false);
    boolean half = style.element() == OnnxElement.F16;
    String middle = g.op("", "Add", List.of(half ? names.hidden() : n1.wide(), o));
    NormGraph n2 = NormGraph.of(g, style, "n2", middle);
    String y = g.op("n2", "Mul", List.of("n2.weight", n2.normed()));
    String gate = projection("gate", y, shape.hidden(), shape.ffn(), 1, false);
    String silu = g.op("", "Mul", List.of(gate, g.op("", "Sigmoid", List.of(gate))));
    String up = projection("up", y, shape.hidden(), shape.ffn(), 1, false);
    String down = projection("down", g.op("", "Mul", List.of(silu, up)), shape.ffn(), shape.hidden(), 1, false);
    g.last(names.hiddenOut(), "Add", List.of(half ? middle : n2.wide(), down));
    return g;
  }

  private int width(int heads) {
    return heads * shape.headDim();
  }

  private void declare() {
    Object one = style.dynamicBatch() ? "batch" : 1;
    OnnxElement e = style.element();
    OnnxGraphWriter w = g.writer();
    w.input(names.hidden(), e, one, "seq", shape.hidden());
    w.input(names.mask(), e, one, 1, "seq", "total");
    w.input(names.positions(), OnnxElement.I64, one, "seq");
    w.input(names.pastKey(), e, one, shape.kvHeads(), "past", shape.headDim());
    w.input(names.pastValue(), e, one, shape.kvHeads(), "past", shape.headDim());
    w.output(names.hiddenOut(), e, one, "seq", shape.hidden());
    w.output(names.presentKey(), e, one, shape.kvHeads(), "total", shape.headDim());
    w.output(names.presentValue(), e, one, shape.kvHeads(), "total", shape.headDim());
    for (String n : List.of("n1.weight", "n2.weight")) {
      w.initializer(n, OnnxContent.reals(e, weights.scales(shape.hidden()), shape.hidden()));
    }
  }

  private String projection(String scope, String x, int from, int to, double gain, boolean bias) {
    String w = g.weight(OnnxContent.reals(style.element(), weights.matrix(from, to, gain), from, to));
    String product = g.op(scope, "MatMul", List.of(x, w));
    if (!bias) {
      return product;
    }
    g.writer().initializer(scope + ".bias", OnnxContent.reals(style.element(), weights.normal(to, 0.3), to));
    return g.op(scope, "Add", List.of(scope + ".bias", product));
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
    String to = joined(asVector(batch), asVector(rows), g.vector("", heads), g.vector("", shape.headDim()));
    String apart = g.op("", "Reshape", List.of(x, to));
    return g.op("", "Transpose", List.of(apart), OnnxAttribute.ints("perm", 0, 2, 1, 3));
  }

  /** {@code x[:, :, None].expand(b, h, times, s, d).reshape(b, h * times, s, d)}. */
  private String repeated(String x) {
    int times = shape.heads() / shape.kvHeads();
    if (times == 1) {
      return x;
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

  private String attend(String q, String k, String v) {
    String turned = g.op("", "Transpose", List.of(k), OnnxAttribute.ints("perm", 0, 1, 3, 2));
    String product = g.op("", "MatMul", List.of(q, turned));
    String scaled = g.op("", "Div", List.of(product, g.scalar("", style.element(), Math.sqrt(shape.headDim()))));
    String score = g.op("", "Add", List.of(scaled, names.mask()));
    if (style.gatherElements()) {
      double lowest = style.element() == OnnxElement.F16 ? -65504 : -Float.MAX_VALUE;
      score = g.op("", "Max", List.of(score, g.scalar("", style.element(), lowest)));
    }
    String weight = g.op("", "Softmax", List.of(score), OnnxAttribute.of("axis", -1));
    String once = g.op("", "Cast", List.of(weight), OnnxAttribute.of("to", OnnxElement.F32.number));
    String twice = g.op("", "Cast", List.of(once), OnnxAttribute.of("to", style.element().number));
    String mixed = g.op("", "Transpose", List.of(g.op("", "MatMul", List.of(twice, v))),
        OnnxAttribute.ints("perm", 0, 2, 1, 3));
    return g.op("", "Reshape", List.of(mixed,
        joined(asVector(batch), asVector(rows), g.vector("", width(shape.heads())))));
  }
}
