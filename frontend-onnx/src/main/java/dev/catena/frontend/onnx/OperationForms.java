package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.ElementType;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What forms of operations are made of: the onnx dialect's small operations, and questions about a node's inputs and attributes. */
abstract class OperationForms {
  final StageBuilder out;

  OperationForms(StageBuilder out) {
    this.out = out;
  }

  /** Rows [batch, rows, heads · size] as heads [batch, heads, rows, size]. */
  final Value heads(Value rows, long heads, long size) {
    return turned(op("Reshape", rows, integers(0, 0, heads, size)));
  }

  /**
   * softmax(q · kᵀ · scale, capped, + mask) · v, heads side by side: [batch, rows, heads · size].
   *
   * @param q       [batch, heads, rows, size]
   * @param keys    [batch, kvHeads, positions, size], as are values
   * @param softcap 0 for none
   * @param mask    additive, or null
   * @param sinks   [heads], each one more logit whose share is left out, or null
   */
  final Value attended(Value q, Value keys, Value values, long heads, long kvHeads, double scale, double softcap, Value mask, Value sinks) {
    long size = known(keys, -1, "key");
    Value scores = op("Mul", op("MatMul", q, transposed(repeated(keys, kvHeads, heads, size), 0, 1, 3, 2)), real(q, scale));
    if (softcap != 0) {
      scores = op("Mul", op("Tanh", op("Div", scores, real(q, softcap))), real(q, softcap));
    }
    Value masked = mask == null ? scores : op("Add", scores, mask);
    Value shares = sinks == null ? softmax(masked) : withSinks(q, masked, heads, sinks);
    long width = known(values, -1, "value");
    Value mixed = turned(op("MatMul", shares, repeated(values, kvHeads, heads, width)));
    return op("Reshape", mixed, integers(0, 0, heads * width));
  }

  final Value softmax(Value scores) {
    return out.append("Softmax", List.of(scores), Map.of("axis", Attribute.of(-1)), 1).result();
  }

  private Value withSinks(Value q, Value scores, long heads, Value sinks) {
    if (sinks.tensorType().rank() != 1 || !sinks.tensorType().dim(0).is(heads)) {
      throw out.broken("has sinks of " + sinks.type().text() + " for " + heads + " heads");
    }
    Value typed = sinks.tensorType().element() == scores.tensorType().element() ? sinks
        : out.append("Cast", List.of(sinks), Map.of("to", new Attribute.Element(scores.tensorType().element())), 1).result();
    Value column = op("Expand", op("Reshape", typed, integers(1, heads, 1, 1)),
        joined(0, shape(q, 0), integers(heads), shape(q, 2), integers(1)));
    return op("Slice", softmax(joined(3, scores, column)), integers(0), integers(-1), integers(3));
  }

  /**
   * The additive mask of rows at these positions [batch or 1, rows] over the positions from 0 to {@code total}: [batch or 1, 1, rows, total].
   *
   * @param window positions that a row sees, its own among them; 0 or less for all
   */
  final Value causalMask(Value like, Value positions, Value total, long window) {
    Value columns = op("Range", number(0), total, number(1));
    Value own = op("Unsqueeze", positions, integers(1, 3));
    Value hidden = op("Greater", columns, own);
    if (window > 0) {
      hidden = op("Or", hidden, op("LessOrEqual", columns, op("Sub", own, number(window))));
    }
    return op("Where", hidden, real(like, lowest(like)), real(like, 0));
  }

  /** What hides a score: the lowest number of the type. */
  static double lowest(Value like) {
    return like.tensorType().element() == ElementType.F16 ? -65504 : -Float.MAX_VALUE;
  }

  final Value repeated(Value x, long kvHeads, long heads, long size) {
    if (kvHeads == heads) {
      return x;
    }
    return op("Reshape", op("Expand", op("Unsqueeze", x, integers(2)), integers(1, 1, heads / kvHeads, 1, 1)),
        integers(0, heads, -1, size));
  }

  final Value shape(Value x, long axis) {
    return out.append("Shape", List.of(x), Map.of("start", Attribute.of(axis), "end", Attribute.of(axis + 1)), 1).result();
  }

  final Value turned(Value x) {
    return transposed(x, 0, 2, 1, 3);
  }

  final Value transposed(Value x, long... order) {
    return out.append("Transpose", List.of(x), Map.of("perm", Attribute.ints(order)), 1).result();
  }

  final Value joined(long axis, Value... parts) {
    return out.append("Concat", List.of(parts), Map.of("axis", Attribute.of(axis)), 1).result();
  }

  final Value op(String operation, Value... operands) {
    return out.append(operation, operands);
  }

  final Value integers(long... values) {
    return out.constant(Tensor.i64(values, values.length), "sizes");
  }

  final Value number(long value) {
    return out.constant(Tensor.i64(new long[] {value}), "number");
  }

  /** A number of {@code like}'s type. */
  final Value real(Value like, double value) {
    Tensor t = new Tensor(like.tensorType().element());
    t.set(0, value);
    return out.constant(t, "number");
  }

  final Value required(List<Value> in, int index, String name) {
    Value v = optional(in, index);
    if (v == null) {
      throw out.broken("lacks the input '" + name + "'");
    }
    return v;
  }

  static Value optional(List<Value> in, int index) {
    return index < in.size() ? in.get(index) : null;
  }

  final long known(Value v, int axis, String name) {
    TensorType t = v.tensorType();
    if (t.rank() == 0 || !t.dim(axis).isKnown() || t.dim(axis).value() < 1) {
      throw out.broken("needs a fixed last size of '" + name + "', which is " + t.text());
    }
    return t.dim(axis).value();
  }

  /** A constant's elements, of which the node needs to know all. */
  final WeightData data(Value v, String name) {
    Operation reshape = v.producer();
    if (reshape != null && reshape.is("onnx.Reshape") && reshape.operand(0).weight() != null && v.tensorType().isStatic()) {
      return reshape.operand(0).weight().data(); // codes lie as they lie, however their bytes are counted
    }
    WeightData data = QuantizedConstants.data(v);
    if (data == null) {
      throw out.broken("computes its input '" + name + "', which must be a constant");
    }
    return data;
  }

  final void allow(OnnxGraph.Node node, String... names) {
    for (OnnxAttribute a : node.attributes().values()) {
      boolean off = a.type() == OnnxAttribute.Type.INTEGER && (a.integer() == 0 || a.integer() == -1) && !a.name().equals("causal")
          || a.type() == OnnxAttribute.Type.REAL && a.real() == 0
          || a.type() == OnnxAttribute.Type.TEXT && (a.text().isEmpty() || a.text().equals("NONE"));
      if (!Set.of(names).contains(a.name()) && !off) {
        throw out.broken("has the attribute '" + a.name() + "', which Catena doesn't know");
      }
    }
  }

  final long positive(OnnxGraph.Node node, String name) {
    return positiveUpTo(node, name, 1 << 16);
  }

  final long positiveUpTo(OnnxGraph.Node node, String name, long most) {
    long n = integer(node, name, 0);
    if (n < 1 || n > most) {
      throw out.broken("has " + name + " = " + n);
    }
    return n;
  }

  static long integer(OnnxGraph.Node node, String name, long otherwise) {
    OnnxAttribute a = node.attributes().get(name);
    return a == null || a.type() != OnnxAttribute.Type.INTEGER ? otherwise : a.integer();
  }

  static float real(OnnxGraph.Node node, String name, float otherwise) {
    OnnxAttribute a = node.attributes().get(name);
    return a == null || a.type() != OnnxAttribute.Type.REAL ? otherwise : a.real();
  }
}
