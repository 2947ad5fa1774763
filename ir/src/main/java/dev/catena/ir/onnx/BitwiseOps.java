package dev.catena.ir.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.ElementType;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.Trait;
import java.util.List;

/** Logic on the bits of integers. */
final class BitwiseOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      binary("BitwiseAnd", "The bits that both have.", (e, a, b) -> a & b),
      binary("BitwiseOr", "The bits that one or both have.", (e, a, b) -> a | b),
      binary("BitwiseXor", "The bits that one but not both have.", (e, a, b) -> a ^ b),
      Elementwise.unary("BitwiseNot", "The bits that x lacks.", null, (e, a) -> ~a).build(),
      OpDefinition.named("onnx.BitShift", "The bits of a moved by b places to the LEFT or RIGHT; zeros come in, from the left a signed number's "
          + "sign. Places below zero or beyond the width move all bits out.")
          .operand("a").operand("b").attribute("direction", Attribute.Text.class).traits(Trait.PURE, Trait.ELEMENTWISE)
          .shape(op -> {
            left(op);
            return List.of(Elementwise.infer(op, Elementwise.sameElement(op), null));
          })
          .meaning((op, in) -> List.of(Elementwise.combine(op, (Tensor) in.get(0), (Tensor) in.get(1), null,
              (e, a, b) -> shifted(e, a, b, left(op))))).build());

  private BitwiseOps() {}

  private static OpDefinition binary(String name, String doc, Elementwise.IntegerRule rule) {
    return Elementwise.binary(name, doc, null, rule, null, Trait.COMMUTATIVE).build();
  }

  private static boolean left(Operation op) {
    String direction = op.textAttribute("direction");
    if (!direction.equals("LEFT") && !direction.equals("RIGHT")) {
      throw op.broken("direction = " + direction + ", which is neither LEFT nor RIGHT");
    }
    return direction.equals("LEFT");
  }

  private static long shifted(ElementType e, long a, long by, boolean left) {
    boolean signed = e.keyword().startsWith("i");
    if (by < 0 || by >= e.bits()) {
      return left || !signed || a >= 0 ? 0 : -1;
    }
    return left ? a << by : signed ? a >> by : a >>> by;
  }
}
