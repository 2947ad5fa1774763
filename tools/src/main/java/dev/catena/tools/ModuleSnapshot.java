package dev.catena.tools;

import dev.catena.ir.Block;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Printer;
import dev.catena.ir.Weight;
import dev.catena.ir.text.CirReader;
import dev.catena.ir.text.WeightFiles;
import java.util.List;

/** A module as it is now, for passes change it in place. Weights become symbolic: none is read, not even for its hash. */
final class ModuleSnapshot {
  private ModuleSnapshot() {}

  static Module of(Module module) {
    StringBuilder text = new StringBuilder("module @" + Printer.symbol(module.name()) + " {\n");
    for (Weight w : module.weights().values()) {
      text.append("weight @").append(Printer.symbol(w.name())).append(" : ").append(w.type().text()).append(" = ")
          .append(w.data().text()).append('\n');
    }
    module.stages().forEach(s -> text.append(Printer.stage(s)));
    Module copy = CirReader.parse(text.append("}\n").toString(), module.name(), WeightFiles.NONE);
    for (int i = 0; i < module.stages().size(); i++) {
      takeOrigins(module.stages().get(i), copy.stages().get(i));
    }
    return copy;
  }

  /** A text doesn't say which node of a file an operation came from. */
  private static void takeOrigins(Block from, Block to) {
    List<Operation> ops = from.operations();
    for (int i = 0; i < ops.size(); i++) {
      Operation copy = to.operations().get(i);
      copy.setOrigin(ops.get(i).origin());
      for (int r = 0; r < copy.regions().size(); r++) {
        takeOrigins(ops.get(i).regions().get(r), copy.regions().get(r));
      }
    }
  }
}
