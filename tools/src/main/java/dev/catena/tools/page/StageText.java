package dev.catena.tools.page;

import dev.catena.ir.Block;
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
  /** Characters of a line: a weight may be a literal of a million elements. */
  private static final int LONGEST = 4000;

  private StageText() {}

  static List<String> lines(Stage stage) {
    List<String> lines = new ArrayList<>();
    for (Weight w : weights(stage)) {
      lines.add(cut("weight @" + Printer.symbol(w.name()) + " : " + w.type().text() + " = " + w.data().text()));
    }
    Printer.stage(stage).lines().forEach(line -> lines.add(cut(line)));
    return lines;
  }

  private static String cut(String line) {
    return line.length() <= LONGEST ? line : line.substring(0, LONGEST) + "…";
  }

  /** The weights that a stage reads, in the order it first reads them. */
  static Set<Weight> weights(Stage stage) {
    Set<Weight> weights = new LinkedHashSet<>();
    collect(stage, weights);
    return weights;
  }

  private static void collect(Block block, Set<Weight> weights) {
    for (Operation op : block.operations()) {
      op.operands().forEach(v -> collect(v, weights));
      op.regions().forEach(region -> collect(region, weights));
    }
    block.outputs().forEach(v -> collect(v, weights));
  }

  private static void collect(Value v, Set<Weight> weights) {
    if (v != null && v.weight() != null) {
      weights.add(v.weight());
    }
  }
}
