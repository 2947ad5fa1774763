package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.ElementType;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;

/**
 * Activations in f32 where the target computes in it: a CPU has no f16 arithmetic worth using, and rounding between
 * operations would cost time and exactness. Weights keep their storage.
 */
public final class WidenPass extends Pass {
  public WidenPass() {
    super("widen", "activations in f32, for targets that compute in it");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    for (Stage stage : module.stages()) {
      for (Value argument : stage.arguments()) {
        if (argument.type() instanceof TensorType t && t.element().isFloat() && t.element() != ElementType.F32) {
          argument.setType(t.withElement(ElementType.F32));
          context.count("widen.arguments", 1);
        }
      }
      for (Operation op : stage.operations()) {
        if (op.is("nn.embedding")) {
          op.setAttribute("element", new Attribute.Element(ElementType.F32));
        }
      }
      stage.inferTypes();
    }
  }
}
