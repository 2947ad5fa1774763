package dev.catena.ir.onnx;

import dev.catena.ir.Block;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Type;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.List;

/** Operations that choose what is computed. */
final class ControlOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      OpDefinition.named("onnx.If", "What the block then gives where the condition holds, else what the block else gives; "
              + "both take the captured values as their arguments.")
          .operand("condition").variadic("captured").results("result")
          .region("then").region("else")
          .traits(Trait.PURE)
          .shape(ControlOps::inferIf).meaning(ControlOps::runIf).build(),
      LoopOps.LOOP);

  private ControlOps() {}

  private static List<Inferred> inferIf(Operation op) {
    TensorType condition = op.operand(0).tensorType();
    Operands.single(op, 0);
    if (condition.element() != ElementType.BOOL) {
      throw op.broken("condition of type " + condition.text() + ", not bool");
    }
    List<Value> yes = op.regions().get(0).outputs();
    List<Value> no = op.regions().get(1).outputs();
    if (yes.size() != no.size()) {
      throw op.broken("then gives " + yes.size() + " results, else " + no.size());
    }
    Boolean decided = decided(op.operand(0));
    List<Inferred> all = new ArrayList<>();
    for (int i = 0; i < yes.size(); i++) {
      if (decided != null) {
        Value taken = (decided ? yes : no).get(i);
        all.add(new Inferred(taken.type(), taken.contents()));
      } else {
        all.add(Inferred.of(common(op, i, yes.get(i).type(), no.get(i).type())));
      }
    }
    return all;
  }

  /** Whether a condition is known to hold or not to hold, else null. */
  private static Boolean decided(Value condition) {
    if (condition.constant() != null) {
      return condition.constant().getLong(0) != 0;
    }
    Dim[] contents = condition.contents();
    return contents != null && contents.length == 1 && contents[0].isKnown() ? !contents[0].is(0) : null;
  }

  /** The type of what is one or the other: dimensions that differ get a symbol of their own. */
  private static Type common(Operation op, int result, Type yes, Type no) {
    if (yes.equals(no)) {
      return yes;
    }
    if (!(yes instanceof TensorType a && no instanceof TensorType b && a.element() == b.element()
        && a.rank() == b.rank())) {
      throw op.broken("then gives " + yes.text() + ", else " + no.text() + " as result " + result
          + ", and which is taken isn't known");
    }
    List<Dim> shape = new ArrayList<>();
    for (int axis = 0; axis < a.rank(); axis++) {
      shape.add(a.dim(axis).equals(b.dim(axis)) ? a.dim(axis) : OpaqueDims.of(op, result, axis));
    }
    return a.withShape(shape);
  }

  private static List<EvalValue> runIf(Operation op, List<EvalValue> in) {
    Block taken = op.regions().get(((Tensor) in.get(0)).getLong(0) != 0 ? 0 : 1);
    return new Evaluator().run(taken, in.subList(1, in.size()));
  }
}
