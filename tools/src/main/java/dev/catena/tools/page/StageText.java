package dev.catena.tools.page;

import dev.catena.ir.Operation;
import dev.catena.ir.Printer;
import dev.catena.ir.Stage;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** One stage of a module as text: the weights that it reads, then the stage. Hashes are left out: they'd need every byte read. */
final class StageText {
  private StageText() {}

  static List<String> lines(Stage stage) {
    List<String> lines = new ArrayList<>();
    for (Weight w : weights(stage)) {
      lines.add("weight @" + Printer.symbol(w.name()) + " : " + w.type().text() + " = " + w.data().text());
    }
    Printer.stage(stage).lines().forEach(lines::add);
    return lines;
  }

  /** The weights that a stage reads, in the order it first reads them. */
  static Set<Weight> weights(Stage stage) {
    Set<Weight> weights = new LinkedHashSet<>();
    for (Operation op : stage.operations()) {
      for (Value v : op.operands()) {
        if (v != null && v.weight() != null) {
          weights.add(v.weight());
        }
      }
    }
    stage.outputs().stream().filter(v -> v.weight() != null).forEach(v -> weights.add(v.weight()));
    return weights;
  }
}
