package dev.catena.ir.onnx;

import static dev.catena.ir.onnx.Elementwise.test;

import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import java.util.List;

/** Comparisons, logic and selection. */
final class LogicOps {
  private static final Dim FALSE = Dim.of(0);
  private static final Dim TRUE = Dim.of(1);

  static final List<OpDefinition> OPERATIONS = List.of(
      test("Equal", "a = b.", (a, b) -> a == b, (e, a, b) -> a == b, LogicOps::equal, Trait.COMMUTATIVE).build(),
      test("Less", "a < b.", (a, b) -> a < b, (e, a, b) -> Scalars.compare(e, a, b) < 0, LogicOps::less).build(),
      test("LessOrEqual", "a <= b.", (a, b) -> a <= b, (e, a, b) -> Scalars.compare(e, a, b) <= 0,
          (a, b) -> not(less(b, a))).build(),
      test("Greater", "a > b.", (a, b) -> a > b, (e, a, b) -> Scalars.compare(e, a, b) > 0, (a, b) -> less(b, a)).build(),
      test("GreaterOrEqual", "a >= b.", (a, b) -> a >= b, (e, a, b) -> Scalars.compare(e, a, b) >= 0,
          (a, b) -> not(less(a, b))).build(),
      logic("And", "Both.", (e, a, b) -> (a & b) != 0, Dim::times),
      logic("Or", "One or both.", (e, a, b) -> (a | b) != 0, Dim::max),
      logic("Xor", "One but not both.", (e, a, b) -> a != b, null),
      OpDefinition.named("onnx.Not", "The opposite.").operand("x").traits(Trait.PURE, Trait.ELEMENTWISE)
          .shape(op -> List.of(inferNot(op)))
          .meaning((op, in) -> List.of(Elementwise.map(op, (Tensor) in.get(0), null, (e, a) -> a == 0 ? 1 : 0))).build(),
      OpDefinition.named("onnx.IsNaN", "Whether x is not a number.").operand("x").traits(Trait.PURE, Trait.ELEMENTWISE)
          .shape(op -> List.of(Inferred.of(op.operand(0).tensorType().withElement(ElementType.BOOL))))
          .meaning((op, in) -> List.of(isNaN((Tensor) in.get(0)))).build(),
      OpDefinition.named("onnx.Where", "a where the condition holds, else b; all three broadcast.")
          .operand("condition").operand("a").operand("b").traits(Trait.PURE, Trait.ELEMENTWISE)
          .shape(op -> List.of(inferWhere(op)))
          .meaning((op, in) -> List.of(where(op, (Tensor) in.get(0), (Tensor) in.get(1), (Tensor) in.get(2)))).build());

  private LogicOps() {}

  private static OpDefinition logic(String name, String doc, Elementwise.IntegerTest rule, Elementwise.ContentRule contents) {
    return test(name, doc, null, rule, contents, Trait.COMMUTATIVE).shape(op -> {
      if (Elementwise.sameElement(op) != ElementType.BOOL) {
        throw op.broken("operands of type " + op.operand(0).tensorType().element().keyword() + ", not bool");
      }
      return List.of(Elementwise.infer(op, ElementType.BOOL, contents));
    }).build();
  }

  private static Dim equal(Dim a, Dim b) {
    if (a.equals(b)) {
      return TRUE;
    }
    return TRUE.equals(less(a, b)) || TRUE.equals(less(b, a)) ? FALSE : null;
  }

  /** Decided for every value of the symbols, or null. */
  private static Dim less(Dim a, Dim b) {
    if (b.isAtLeast(a.plus(TRUE))) {
      return TRUE;
    }
    return a.isAtLeast(b) ? FALSE : null;
  }

  private static Dim not(Dim truth) {
    return truth == null ? null : TRUE.minus(truth);
  }

  private static Inferred inferNot(Operation op) {
    Value x = op.operand(0);
    if (x.tensorType().element() != ElementType.BOOL) {
      throw op.broken("operand of type " + x.tensorType().element().keyword() + ", not bool");
    }
    return Contents.infer(x.tensorType(), () -> {
      Dim[] from = x.contents();
      if (from == null) {
        return null;
      }
      Dim[] out = new Dim[from.length];
      for (int i = 0; i < out.length; i++) {
        out[i] = not(from[i]);
      }
      return out;
    });
  }

  private static Tensor isNaN(Tensor x) {
    Tensor out = new Tensor(ElementType.BOOL, x.shape());
    for (int i = 0; i < x.size(); i++) {
      out.setLong(i, Double.isNaN(x.get(i)) ? 1 : 0);
    }
    return out;
  }

  private static Inferred inferWhere(Operation op) {
    TensorType c = op.operand(0).tensorType();
    TensorType a = op.operand(1).tensorType();
    TensorType b = op.operand(2).tensorType();
    if (c.element() != ElementType.BOOL) {
      throw op.broken("condition of type " + c.element().keyword() + ", not bool");
    }
    if (a.element() != b.element()) {
      throw op.broken("operands of types " + a.element().keyword() + " and " + b.element().keyword());
    }
    List<Dim> shape = Broadcasting.shape(op, Broadcasting.shape(op, c.shape(), a.shape()), b.shape());
    TensorType type = new TensorType(a.element(), shape);
    return Contents.infer(type, () -> {
      Dim[] cond = op.operand(0).contents();
      Dim[] x = op.operand(1).contents();
      Dim[] y = op.operand(2).contents();
      if (x == null || y == null || !a.isStatic() || !b.isStatic() || !c.isStatic()) {
        return null;
      }
      long[] out = type.staticShape();
      int[] fromC = Broadcasting.indices(c.staticShape(), out);
      int[] fromA = Broadcasting.indices(a.staticShape(), out);
      int[] fromB = Broadcasting.indices(b.staticShape(), out);
      Dim[] result = new Dim[fromC.length];
      for (int i = 0; i < result.length; i++) {
        Dim yes = x[fromA[i]];
        Dim no = y[fromB[i]];
        Dim decided = cond == null ? null : cond[fromC[i]];
        result[i] = yes.equals(no) ? yes : decided == null || !decided.isKnown() ? null : decided.is(0) ? no : yes;
      }
      return result;
    });
  }

  private static Tensor where(Operation op, Tensor c, Tensor a, Tensor b) {
    long[] shape = Broadcasting.shape(op, Broadcasting.shape(op, c.shape(), a.shape()), b.shape());
    int[] fromC = Broadcasting.indices(c.shape(), shape);
    int[] fromA = Broadcasting.indices(a.shape(), shape);
    int[] fromB = Broadcasting.indices(b.shape(), shape);
    Tensor out = new Tensor(a.element(), shape);
    for (int i = 0; i < fromC.length; i++) {
      if (c.getLong(fromC[i]) != 0) {
        out.copy(i, a, fromA[i]);
      } else {
        out.copy(i, b, fromB[i]);
      }
    }
    return out;
  }
}
