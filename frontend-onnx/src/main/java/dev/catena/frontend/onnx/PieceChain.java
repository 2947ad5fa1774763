package dev.catena.frontend.onnx;

import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.Module;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.List;
import java.util.stream.IntStream;

/** Checks that the pieces fit each other: what one gives the next can take, and all caches are alike. */
final class PieceChain {
  private PieceChain() {}

  static void check(Module module) {
    List<Stage> stages = module.stages();
    for (int i = 0; i + 1 < stages.size(); i++) {
      joint(stages.get(i), stages.get(i + 1));
    }
    Stage first = null;
    for (Stage stage : stages) {
      if (stage.textAttribute("arg.past_key") != null && "decoder".equals(stage.textAttribute("role"))) {
        cache(stage, "past_key");
        cache(stage, "past_value");
        first = first == null ? stage : first;
        alike(first, stage);
      }
    }
  }

  private static String file(Stage stage) {
    return stage.textAttribute("source");
  }

  private static void joint(Stage from, Stage to) {
    TensorType gives = from.outputs().get(0).tensorType();
    TensorType takes = to.arguments().get(0).tensorType();
    if (gives.element() != takes.element()) {
      throw new OnnxException(file(from) + " gives " + gives.element().keyword() + ", " + file(to) + " takes "
          + takes.element().keyword() + "; export all pieces in one type");
    }
    if (gives.rank() != takes.rank() || gives.rank() == 0) {
      throw new OnnxException(file(from) + " gives rank " + gives.rank() + ", " + file(to) + " takes rank " + takes.rank());
    }
    Dim a = gives.dim(-1);
    Dim b = takes.dim(-1);
    if (a.isKnown() && b.isKnown() && !a.equals(b)) {
      throw new OnnxException(file(from) + " gives hidden size " + a + ", " + file(to) + " takes " + b
          + "; the pieces are of different models");
    }
  }

  private static TensorType cacheType(Stage stage, String role) {
    Value v = stage.argument(stage.textAttribute("arg." + role));
    return v.tensorType();
  }

  private static void cache(Stage stage, String role) {
    TensorType t = cacheType(stage, role);
    boolean turned = role.equals("past_key") && t.dim(2).isKnown();   // [batch, heads, head size, past]
    if (!t.dim(1).isKnown() || !t.dim(3).isKnown() && !turned) {
      throw new OnnxException(file(stage) + ": " + role + " is " + t.text() + "; its heads and head size must be fixed");
    }
  }

  private static void alike(Stage first, Stage stage) {
    for (String role : List.of("past_key", "past_value")) {
      TensorType a = cacheType(first, role);
      TensorType b = cacheType(stage, role);
      ElementType e = a.element();
      if (e != b.element() || a.dim(3).isKnown() != b.dim(3).isKnown()
          || IntStream.of(1, 2, 3).anyMatch(i -> a.dim(i).isKnown() && b.dim(i).isKnown() && !a.dim(i).equals(b.dim(i)))) {
        throw new OnnxException(file(first) + " and " + file(stage) + " have different caches: " + role + " is "
            + a.text() + " and " + b.text());
      }
    }
  }
}
