package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.ElementType;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.Value;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;

/** Short words for saying one node by several operations: the node's operands and attributes, and operations on them. */
final class FormBuilder {
  private final StageBuilder out;
  private OnnxGraph.Node node;
  private List<Value> operands;

  FormBuilder(StageBuilder out) {
    this.out = out;
  }

  /** From now on speaks about {@code next}; an absent operand is null. */
  void begin(OnnxGraph.Node next, List<Value> given) {
    node = next;
    operands = given;
  }

  OnnxException broken(String what) {
    return out.broken(what);
  }

  /** The node may have these attributes and no others. */
  void allow(String... names) {
    for (String name : node.attributes().keySet()) {
      if (!Set.of(names).contains(name)) {
        throw out.broken("has the attribute '" + name + "', which Catena doesn't know");
      }
    }
  }

  Value operand(int index, String name) {
    Value v = optional(index);
    if (v == null) {
      throw out.broken("lacks the input '" + name + "'");
    }
    return v;
  }

  Value optional(int index) {
    return index < operands.size() ? operands.get(index) : null;
  }

  int operands() {
    return operands.size();
  }

  boolean wants(int output) {
    return output < node.outputs().size() && !node.outputs().get(output).isEmpty();
  }

  long integer(String name, long otherwise) {
    OnnxAttribute a = attribute(name, OnnxAttribute.Type.INTEGER);
    return a == null ? otherwise : a.integer();
  }

  double real(String name, double otherwise) {
    OnnxAttribute a = attribute(name, OnnxAttribute.Type.REAL);
    return a == null ? (float) otherwise : a.real();
  }

  String text(String name, String otherwise) {
    OnnxAttribute a = attribute(name, OnnxAttribute.Type.TEXT);
    return a == null ? otherwise : a.text();
  }

  long[] integers(String name, long... otherwise) {
    OnnxAttribute a = attribute(name, OnnxAttribute.Type.INTEGERS);
    return a == null ? otherwise : a.integers();
  }

  float[] reals(String name) {
    OnnxAttribute a = attribute(name, OnnxAttribute.Type.REALS);
    return a == null ? null : a.reals();
  }

  /** A list of texts, or null. */
  List<String> texts(String name) {
    OnnxAttribute a = attribute(name, OnnxAttribute.Type.TEXTS);
    return a == null ? null : a.texts();
  }

  private OnnxAttribute attribute(String name, OnnxAttribute.Type type) {
    OnnxAttribute a = node.attributes().get(name);
    if (a != null && a.type() != type) {
      throw out.broken("has an attribute '" + name + "' of an unexpected kind");
    }
    return a;
  }

  /** The element type that an attribute names. */
  ElementType element(String name, ElementType otherwise) {
    long number = integer(name, 0);
    return number == 0 ? otherwise : ElementTypes.require(number, out.origin());
  }

  /** {@code axis} as an index; out of range is an error. */
  int axis(long axis, int rank) {
    if (axis < -rank || axis >= rank) {
      throw out.broken("has axis " + axis + " for a tensor of rank " + rank);
    }
    return (int) (axis < 0 ? axis + rank : axis);
  }

  static int rank(Value v) {
    return v.tensorType().rank();
  }

  static ElementType element(Value v) {
    return v.tensorType().element();
  }

  Value op(String operation, Value... given) {
    return out.append(operation, given);
  }

  /** An operation with one result and attributes: names and values in turn. */
  Value with(String operation, List<Value> given, Object... attributes) {
    return several(operation, 1, given, attributes).result();
  }

  Operation several(String operation, int results, List<Value> given, Object... attributes) {
    Map<String, Attribute> all = new LinkedHashMap<>();
    for (int i = 0; i < attributes.length; i += 2) {
      all.put((String) attributes[i], attribute(attributes[i + 1]));
    }
    return out.append(operation, given, all, results);
  }

  /** An operation with one result and the node's attributes. */
  Value withSameAttributes(String operation, List<Value> given) {
    Map<String, Attribute> all = new LinkedHashMap<>();
    for (OnnxAttribute a : node.attributes().values()) {
      all.put(a.name(), switch (a.type()) {
        case INTEGER -> Attribute.of(a.integer());
        case TEXT -> Attribute.of(a.text());
        case INTEGERS -> Attribute.ints(a.integers());
        default -> throw out.broken("has an attribute '" + a.name() + "' of an unexpected kind");
      });
    }
    return out.append(operation, given, all, 1).result();
  }

  private static Attribute attribute(Object value) {
    if (value instanceof Attribute a) {
      return a;
    } else if (value instanceof ElementType e) {
      return new Attribute.Element(e);
    } else if (value instanceof String s) {
      return Attribute.of(s);
    } else if (value instanceof long[] l) {
      return Attribute.ints(l);
    } else if (value instanceof Double d) {
      return Attribute.of(d.doubleValue());
    }
    return Attribute.of(((Number) value).longValue());
  }

  /** A list of integers. */
  Value list(long... values) {
    return out.constant(Tensor.i64(values, values.length), "sizes");
  }

  /** An integer of rank 0. */
  Value number(long value) {
    return out.constant(Tensor.i64(new long[] {value}), "number");
  }

  /** A number of {@code like}'s element type, of rank 0. */
  Value number(Value like, double value) {
    return number(element(like), value);
  }

  Value number(ElementType type, double value) {
    Tensor t = new Tensor(type);
    t.set(0, value);
    return out.constant(t, "number");
  }

  Value constant(Tensor value) {
    return out.constant(value, "constant");
  }

  Value cast(Value x, ElementType to) {
    return element(x) == to ? x : with("Cast", List.of(x), "to", to);
  }

  Value shape(Value x) {
    return op("Shape", x);
  }

  /** The dimensions from {@code start} to {@code end}, as a list. */
  Value shape(Value x, int start, int end) {
    return with("Shape", List.of(x), "start", start, "end", end);
  }

  /** One dimension, of rank 0. */
  Value dimension(Value x, int axis) {
    return op("Squeeze", shape(x, axis, axis + 1), list(0));
  }

  Value reshape(Value x, long... shape) {
    return op("Reshape", x, list(shape));
  }

  Value concat(int axis, Value... parts) {
    return parts.length == 1 ? parts[0] : with("Concat", Arrays.asList(parts), "axis", axis);
  }

  Value transpose(Value x, long... order) {
    return Arrays.equals(order, LongStream.range(0, order.length).toArray()) ? x
        : with("Transpose", List.of(x), "perm", order);
  }

  Value unsqueeze(Value x, long... axes) {
    return axes.length == 0 ? x : op("Unsqueeze", x, list(axes));
  }

  /** A reduction over some axes, which stay as 1. */
  Value reduce(String operation, Value x, long... axes) {
    return op(operation, x, list(axes));
  }

  /** 0, 1, … up to {@code count}, which is of rank 0. */
  Value counting(Value count) {
    return op("Range", number(0), count, number(1));
  }

  /** The axes from {@code from} to the last of a tensor of {@code rank}. */
  static long[] axesFrom(int from, int rank) {
    return LongStream.range(from, Math.max(from, rank)).toArray();
  }

  /** A list that stands along {@code axis} of a tensor of {@code rank}. */
  Value along(Value list, int axis, int rank) {
    return rank(list) == 0 ? list : unsqueeze(list, LongStream.range(0, rank).filter(i -> i != axis).toArray());
  }
}
