package dev.catena.ir.onnx;

import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import java.util.List;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;

/** How operations that act on one element at a time are declared: by their rule for one element. */
final class Elementwise {
  /** A rule for integers and booleans of a type; 64-bit unsigned values arrive as their bit pattern. */
  @FunctionalInterface
  interface IntegerRule {
    long apply(ElementType type, long a, long b);
  }

  /** A rule for one integer. */
  @FunctionalInterface
  interface UnaryIntegerRule {
    long apply(ElementType type, long a);
  }

  /** A comparison or other rule over reals with a truth value. */
  @FunctionalInterface
  interface RealTest {
    boolean test(double a, double b);
  }

  /** A comparison or other rule over integers with a truth value. */
  @FunctionalInterface
  interface IntegerTest {
    boolean test(ElementType type, long a, long b);
  }

  /** A rule over expressions; null where nothing can be said. */
  @FunctionalInterface
  interface ContentRule {
    Dim apply(Dim a, Dim b);
  }

  private Elementwise() {}

  /** One operand, same type out. A null rule means that the operation isn't defined for such elements. */
  static OpDefinition.Builder unary(String name, String doc, DoubleUnaryOperator real, UnaryIntegerRule integer) {
    return OpDefinition.named("onnx." + name, doc).operand("x").traits(Trait.PURE, Trait.ELEMENTWISE, Trait.IN_PLACE)
        .shape(op -> List.of(Inferred.of(op.operand(0).tensorType())))
        .meaning((op, in) -> List.of(map(op, (Tensor) in.get(0), real, integer)));
  }

  static Tensor map(Operation op, Tensor x, DoubleUnaryOperator real, UnaryIntegerRule integer) {
    Tensor y = new Tensor(x.element(), x.shape());
    if (x.element().isFloat()) {
      require(op, real != null, x.element());
      for (int i = 0; i < y.size(); i++) {
        y.set(i, real.applyAsDouble(x.get(i)));
      }
    } else {
      require(op, integer != null && x.element() != ElementType.STRING, x.element());
      for (int i = 0; i < y.size(); i++) {
        y.setLong(i, integer.apply(x.element(), x.getLong(i)));
      }
    }
    return y;
  }

  /** Two operands of one type that broadcast, same type out. */
  static OpDefinition.Builder binary(String name, String doc, DoubleBinaryOperator real, IntegerRule integer,
      ContentRule contents, Trait... traits) {
    return OpDefinition.named("onnx." + name, doc).operand("a").operand("b")
        .traits(Trait.PURE, Trait.ELEMENTWISE).traits(traits)
        .shape(op -> List.of(infer(op, sameElement(op), contents)))
        .meaning((op, in) -> List.of(combine(op, (Tensor) in.get(0), (Tensor) in.get(1), real, integer)));
  }

  /** Two operands of one type that broadcast, truth values out. */
  static OpDefinition.Builder test(String name, String doc, RealTest real, IntegerTest integer, ContentRule contents,
      Trait... traits) {
    return OpDefinition.named("onnx." + name, doc).operand("a").operand("b")
        .traits(Trait.PURE, Trait.ELEMENTWISE).traits(traits)
        .shape(op -> {
          sameElement(op);
          return List.of(infer(op, ElementType.BOOL, contents));
        })
        .meaning((op, in) -> List.of(compare(op, (Tensor) in.get(0), (Tensor) in.get(1), real, integer)));
  }

  /** Any number of operands of one type, combined from the left. */
  static OpDefinition.Builder variadic(String name, String doc, DoubleBinaryOperator real, IntegerRule integer,
      ContentRule contents) {
    return OpDefinition.named("onnx." + name, doc).variadic("data").traits(Trait.PURE, Trait.ELEMENTWISE)
        .shape(op -> List.of(inferVariadic(op, contents)))
        .meaning((op, in) -> {
          Tensor result = (Tensor) in.get(0);
          for (EvalValue next : in.subList(1, in.size())) {
            result = combine(op, result, (Tensor) next, real, integer);
          }
          return List.of(result);
        });
  }

  private static Inferred inferVariadic(Operation op, ContentRule contents) {
    if (op.operands().isEmpty()) {
      throw op.broken("needs at least one operand");
    }
    ElementType element = sameElement(op);
    List<Dim> shape = op.operand(0).tensorType().shape();
    for (Value v : op.operands()) {
      shape = Broadcasting.shape(op, shape, v.tensorType().shape());
    }
    if (op.operands().size() == 2) {
      return infer(op, element, contents);
    }
    return op.operands().size() == 1 ? new Inferred(op.operand(0).type(), op.operand(0).contents())
        : Inferred.of(new TensorType(element, shape));
  }

  /** The element type that all operands have in common. */
  static ElementType sameElement(Operation op) {
    ElementType e = op.operand(0).tensorType().element();
    for (Value v : op.operands()) {
      if (v != null && v.tensorType().element() != e) {
        throw op.broken("operands of types " + e.keyword() + " and " + v.tensorType().element().keyword());
      }
    }
    return e;
  }

  /** The type and contents of an operation over operands 0 and 1. */
  static Inferred infer(Operation op, ElementType element, ContentRule rule) {
    TensorType a = op.operand(0).tensorType();
    TensorType b = op.operand(1).tensorType();
    TensorType type = new TensorType(element, Broadcasting.shape(op, a.shape(), b.shape()));
    return Contents.infer(type, () -> {
      Dim[] x = op.operand(0).contents();
      Dim[] y = op.operand(1).contents();
      if (x == null || y == null || rule == null || !a.isStatic() || !b.isStatic()) {
        return null;
      }
      long[] shape = type.staticShape();
      int[] fromX = Broadcasting.indices(a.staticShape(), shape);
      int[] fromY = Broadcasting.indices(b.staticShape(), shape);
      Dim[] out = new Dim[fromX.length];
      for (int i = 0; i < out.length; i++) {
        out[i] = rule.apply(x[fromX[i]], y[fromY[i]]);
      }
      return out;
    });
  }

  static Tensor combine(Operation op, Tensor a, Tensor b, DoubleBinaryOperator real, IntegerRule integer) {
    long[] shape = Broadcasting.shape(op, a.shape(), b.shape());
    int[] fromA = Broadcasting.indices(a.shape(), shape);
    int[] fromB = Broadcasting.indices(b.shape(), shape);
    Tensor out = new Tensor(a.element(), shape);
    if (a.element().isFloat()) {
      require(op, real != null, a.element());
      for (int i = 0; i < fromA.length; i++) {
        out.set(i, real.applyAsDouble(a.get(fromA[i]), b.get(fromB[i])));
      }
    } else {
      require(op, integer != null && a.element() != ElementType.STRING, a.element());
      for (int i = 0; i < fromA.length; i++) {
        out.setLong(i, integer.apply(a.element(), a.getLong(fromA[i]), b.getLong(fromB[i])));
      }
    }
    return out;
  }

  private static Tensor compare(Operation op, Tensor a, Tensor b, RealTest real, IntegerTest integer) {
    long[] shape = Broadcasting.shape(op, a.shape(), b.shape());
    int[] fromA = Broadcasting.indices(a.shape(), shape);
    int[] fromB = Broadcasting.indices(b.shape(), shape);
    Tensor out = new Tensor(ElementType.BOOL, shape);
    boolean reals = a.element().isFloat();
    require(op, a.element() != ElementType.STRING && (reals ? real != null : integer != null), a.element());
    for (int i = 0; i < fromA.length; i++) {
      boolean yes = reals ? real.test(a.get(fromA[i]), b.get(fromB[i]))
          : integer.test(a.element(), a.getLong(fromA[i]), b.getLong(fromB[i]));
      out.setLong(i, yes ? 1 : 0);
    }
    return out;
  }

  private static void require(Operation op, boolean defined, ElementType e) {
    if (!defined) {
      throw op.broken("isn't defined for elements of type " + e.keyword());
    }
  }
}
