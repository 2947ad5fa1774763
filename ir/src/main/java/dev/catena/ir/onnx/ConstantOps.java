package dev.catena.ir.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.CastWeight;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.NarrowFloat;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.Arrays;
import java.util.List;

/** Literals, tensors filled by rule, and changes of type. */
final class ConstantOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      OpDefinition.named("onnx.Constant", "A literal.").attribute("value", Attribute.Dense.class)
          .traits(Trait.PURE, Trait.CONSTANT)
          .shape(op -> List.of(new Inferred(value(op).type(), Contents.ofTensor(value(op)))))
          .meaning((op, in) -> List.of(value(op))).build(),
      OpDefinition.named("onnx.ConstantOfShape", "A tensor of the given shape, filled with value (f32 zero).")
          .operand("shape").attribute("value", Attribute.Dense.class,
              new Attribute.Dense(new Tensor(ElementType.F32, 1)))
          .traits(Trait.PURE)
          .shape(op -> List.of(inferFilled(op)))
          .meaning((op, in) -> List.of(filled(op, ((Tensor) in.get(0)).longs()))).build(),
      OpDefinition.named("onnx.Range", "start, start + delta, … up to limit, which is left out.")
          .operand("start").operand("limit").operand("delta").traits(Trait.PURE)
          .shape(op -> List.of(inferRange(op)))
          .meaning((op, in) -> List.of(range(op, (Tensor) in.get(0), (Tensor) in.get(1), (Tensor) in.get(2)))).build(),
      OpDefinition.named("onnx.Cast", "x in another element type; reals are truncated to integers. saturate and round_mode "
              + "(up, down, nearest: of f8e8m0) say how floats of 8 bits round.")
          .operand("x").attribute("to", Attribute.Element.class)
          .attribute("saturate", Attribute.Int.class, Attribute.of(1))
          .attribute("round_mode", Attribute.Text.class, Attribute.of("up")).traits(Trait.PURE, Trait.ELEMENTWISE)
          .weightView(ConstantOps::castOfWeight)
          .shape(op -> List.of(inferCast(op, op.elementAttribute("to"))))
          .meaning((op, in) -> List.of(cast(op, (Tensor) in.get(0), op.elementAttribute("to")))).build(),
      OpDefinition.named("onnx.CastLike", "x in the element type of like, as Cast does it.").operand("x").operand("like")
          .attribute("saturate", Attribute.Int.class, Attribute.of(1))
          .attribute("round_mode", Attribute.Text.class, Attribute.of("up")).traits(Trait.PURE, Trait.ELEMENTWISE)
          .shape(op -> List.of(inferCast(op, op.operand(1).tensorType().element())))
          .meaning((op, in) -> List.of(cast(op, (Tensor) in.get(0), ((Tensor) in.get(1)).element()))).build());

  private ConstantOps() {}

  private static WeightData castOfWeight(Operation op, WeightData data) {
    ElementType to = op.result().tensorType().element();
    boolean byDefault = !to.isNarrowFloat() || saturates(op) && roundMode(op) == NarrowFloat.RoundMode.UP;
    return data.tensorType().element().isFloat() && to.isFloat() && byDefault ? CastWeight.of(data, to) : null;
  }

  private static Tensor value(Operation op) {
    if (op.attribute("value") instanceof Attribute.Dense d) {
      return d.value();
    }
    throw op.broken("attribute value must be a tensor");
  }

  private static Inferred inferFilled(Operation op) {
    Value shape = op.operand(0);
    Tensor value = value(op);
    Operands.lists(op, 0);
    if (value.size() != 1) {
      throw op.broken("value must have one element, has " + value.size());
    }
    Dim[] dims = shape.contents();
    if (dims == null) {
      int rank = ShapeOps.listLength(op, shape, Contents.LIMIT);
      return Inferred.of(new TensorType(value.element(), OpaqueDims.shape(op, 0, rank)));
    }
    DataMovementOps.requireSizes(op, dims);
    TensorType type = new TensorType(value.element(), List.of(dims));
    return Contents.infer(type, () -> {
      Dim[] out = new Dim[Contents.smallCount(type)];
      Arrays.fill(out, Dim.of(value.getLong(0)));
      return out;
    });
  }

  private static Tensor filled(Operation op, long[] shape) {
    Tensor value = value(op);
    Tensor out = new Tensor(value.element(), shape);
    for (int i = 0; i < out.size(); i++) {
      out.copy(i, value, 0);
    }
    return out;
  }

  private static Inferred inferRange(Operation op) {
    ElementType element = Elementwise.sameElement(op);
    Operands.single(op, 0, 1, 2);
    if (element == ElementType.BOOL || element == ElementType.STRING) {
      throw op.broken("operands of type " + element.keyword());
    }
    Dim start = scalar(op.operand(0));
    Dim limit = scalar(op.operand(1));
    Dim delta = scalar(op.operand(2));
    Tensor[] literals = {op.operand(0).constant(), op.operand(1).constant(), op.operand(2).constant()};
    if (element.isFloat() && literals[0] != null && literals[1] != null && literals[2] != null) {
      return Inferred.of(TensorType.of(element, steps(op, literals[0], literals[1], literals[2])));
    }
    if (start == null || limit == null || delta == null || !delta.isKnown() || delta.is(0)) {
      return Inferred.of(new TensorType(element, List.of(OpaqueDims.of(op, 0, 0))));
    }
    TensorType type = new TensorType(element, List.of(steps(op, start, limit, delta.value())));
    return Contents.infer(type, () -> {
      Dim[] out = new Dim[Contents.smallCount(type)];
      for (int i = 0; i < out.length; i++) {
        out[i] = start.plus(delta.times(Dim.of(i)));
      }
      return out;
    });
  }

  private static Dim scalar(Value v) {
    Dim[] c = v.contents();
    return c == null || c.length != 1 ? null : c[0];
  }

  /** max(0, ceil((limit - start) / delta)). */
  private static Dim steps(Operation op, Dim start, Dim limit, long delta) {
    Dim distance = delta < 0 ? start.minus(limit) : limit.minus(start);
    long stride = Math.abs(delta);
    Dim count = stride == 1 ? distance : distance.plus(Dim.of(stride - 1)).dividedBy(Dim.of(stride));
    if (!distance.isKnown() && stride != 1 && !distance.isAtLeast(Dim.of(0))) {
      return OpaqueDims.of(op, 0, 0);
    }
    return Dim.of(0).max(count);
  }

  private static long steps(Operation op, Tensor start, Tensor limit, Tensor delta) {
    if (start.size() != 1 || limit.size() != 1 || delta.size() != 1 || delta.get(0) == 0) {
      throw op.broken("needs three scalars, the last of them not zero");
    }
    double steps = Math.ceil((limit.get(0) - start.get(0)) / delta.get(0));
    if (steps > Integer.MAX_VALUE - 8) {
      throw op.broken("too many elements: " + steps);
    }
    return (long) Math.max(0, steps);
  }

  private static Tensor range(Operation op, Tensor start, Tensor limit, Tensor delta) {
    Tensor out = new Tensor(start.element(), steps(op, start, limit, delta));
    for (int i = 0; i < out.size(); i++) {
      if (start.element().isFloat()) {
        out.set(i, start.get(0) + i * delta.get(0));
      } else {
        out.setLong(i, start.getLong(0) + i * delta.getLong(0));
      }
    }
    return out;
  }

  private static boolean saturates(Operation op) {
    return op.intAttribute("saturate") != 0;
  }

  private static NarrowFloat.RoundMode roundMode(Operation op) {
    return switch (op.textAttribute("round_mode")) {
      case "up" -> NarrowFloat.RoundMode.UP;
      case "down" -> NarrowFloat.RoundMode.DOWN;
      case "nearest" -> NarrowFloat.RoundMode.NEAREST;
      default -> throw op.broken("round_mode = " + op.textAttribute("round_mode") + ", which is neither up, down nor nearest");
    };
  }

  private static Inferred inferCast(Operation op, ElementType to) {
    Value x = op.operand(0);
    roundMode(op);
    TensorType type = x.tensorType().withElement(to);
    ElementType from = x.tensorType().element();
    return Contents.infer(type, () -> {
      Dim[] c = x.contents();
      if (c == null || to == ElementType.BOOL && from != ElementType.BOOL) {
        return null;
      }
      for (Dim d : c) {
        // A symbol is taken to fit the narrower type; a known element must.
        if (d.isKnown() && !fits(d.value(), to)) {
          return null;
        }
      }
      return c;
    });
  }

  private static boolean fits(long value, ElementType to) {
    Tensor one = new Tensor(to, 1);
    one.setLong(0, value);
    return one.getLong(0) == value;
  }

  private static Tensor cast(Operation op, Tensor x, ElementType to) {
    if ((to == ElementType.STRING) != (x.element() == ElementType.STRING)) {
      throw op.broken("from " + x.element().keyword() + " to " + to.keyword() + " isn't supported");
    }
    if (!to.isNarrowFloat()) {
      return x.cast(to);
    }
    Tensor out = new Tensor(to, x.shape());
    for (int i = 0; i < x.size(); i++) {
      out.set(i, NarrowFloat.round(x.get(i), to, saturates(op), roundMode(op)));
    }
    return out;
  }
}
