package dev.catena.ir.nn;

import dev.catena.ir.Dim;
import dev.catena.ir.EvalValue;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Sequences;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import java.util.ArrayList;
import java.util.List;

/** Operations on which rows a step holds. */
final class RowOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      OpDefinition.named("nn.select_rows", "The rows whose logits are wanted: [tokens, width] to [selected, width].")
          .operand("x").operand("seqs")
          .traits(Trait.PURE, Trait.MOVES_DATA)
          .shape(RowOps::selectShape).meaning(RowOps::select).build());

  private RowOps() {}

  private static List<Inferred> selectShape(Operation op) {
    TensorType x = op.operand(0).tensorType();
    List<Dim> shape = new ArrayList<>(x.shape());
    shape.set(0, Dim.symbol("selected"));
    return List.of(Inferred.of(x.withShape(shape)));
  }

  private static List<EvalValue> select(Operation op, List<EvalValue> in) {
    Tensor x = (Tensor) in.get(0);
    int[] rows = ((Sequences) in.get(1)).selected();
    int width = (int) x.dim(1);
    Tensor out = new Tensor(x.element(), rows.length, width);
    for (int r = 0; r < rows.length; r++) {
      for (int c = 0; c < width; c++) {
        out.copy(r * width + c, x, rows[r] * width + c);
      }
    }
    return List.of(out);
  }
}
