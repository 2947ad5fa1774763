package dev.catena.passes;

import dev.catena.ir.Dialects;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.SeqsType;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.List;
import java.util.Map;

/** Norm and head run only on the rows whose logits are wanted: in a prefill, one of hundreds. */
public final class SelectRowsPass extends Pass {
  public SelectRowsPass() {
    super("select-rows", "norm and head see only the rows whose logits are wanted");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    boolean selected = false;
    TensorType rows = null;
    for (Stage stage : module.stages()) {
      String role = String.valueOf(stage.textAttribute("role"));
      Value x = stage.arguments().get(0);
      if (role.equals("norm") || role.equals("head")) {
        if (stage.arguments().stream().anyMatch(a -> a.type() instanceof SeqsType)) {
          selected = true; // it picks rows already
        } else if (selected) {
          x.setType(rows.withShape(List.of(rows.dim(0), x.tensorType().dim(1))));
          stage.inferTypes();
        } else {
          Value seqs = stage.addArgument("seqs", new SeqsType());
          Operation first = stage.operations().get(0);
          Operation select =
              stage.insertBefore(first, Dialects.get("nn.select_rows"), List.of(x, seqs), Map.of());
          for (Value.Use use : List.copyOf(x.uses())) {
            if (use.user() == null) {
              stage.setOutput(use.index(), select.result());
            } else if (use.user() != select) {
              use.user().setOperand(use.index(), select.result());
            }
          }
          stage.inferTypes();
          selected = true;
          context.count("select-rows.stages", 1);
        }
        rows = stage.outputs().get(0).tensorType();
      }
    }
  }
}
