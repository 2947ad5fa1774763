package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.CastWeight;
import dev.catena.ir.ElementType;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import java.util.IdentityHashMap;
import java.util.Map;

/**
 * Activations in f32 where the target computes in it: a CPU has no f16 arithmetic worth using, and rounding between
 * operations would cost time and exactness. Run before {@code raise}, it also makes one dialect of all the ways in which
 * exporters mix f16 and f32: every Cast between reals changes nothing any more. Matrices keep their storage: what an
 * operation of the onnx dialect reads in f32 is a view.
 */
public final class WidenPass extends Pass {
  public WidenPass() {
    super("widen", "activations in f32, for targets that compute in it");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    Map<Weight, Weight> wide = new IdentityHashMap<>();
    for (Stage stage : module.stages()) {
      for (Value argument : stage.arguments()) {
        if (argument.type() instanceof TensorType t && isNarrow(t.element())) {
          argument.setType(t.withElement(ElementType.F32));
          context.count("widen.arguments", 1);
        }
      }
      for (Operation op : stage.operations()) {
        if (op.is("nn.embedding")) {
          op.setAttribute("element", new Attribute.Element(ElementType.F32));
        }
        if (op.definition().dialect().equals("onnx")) {
          widenAttributes(op);
          widenWeights(module, op, wide);
        }
      }
      stage.inferTypes();
    }
    module.removeUnusedWeights();
  }

  private static boolean isNarrow(ElementType e) {
    return e == ElementType.F16 || e == ElementType.BF16;
  }

  private static void widenAttributes(Operation op) {
    op.attributes().forEach((name, a) -> {
      if (a instanceof Attribute.Element e && isNarrow(e.value())) {
        op.setAttribute(name, new Attribute.Element(ElementType.F32));
      } else if (a instanceof Attribute.Dense d && isNarrow(d.value().element())) {
        Tensor value = d.value();
        op.setAttribute(name, new Attribute.Dense(value.cast(ElementType.F32)));
      }
    });
  }

  private static void widenWeights(Module module, Operation op, Map<Weight, Weight> wide) {
    for (int i = 0; i < op.operands().size(); i++) {
      Weight w = op.operand(i) == null ? null : op.operand(i).weight();
      if (w != null && w.type() instanceof TensorType t && isNarrow(t.element())) {
        op.setOperand(i, wide.computeIfAbsent(w,
            n -> module.addWeight(n.name(), CastWeight.of(n.data(), ElementType.F32))).value());
      }
    }
  }
}
