package dev.catena.passes;

import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Gives weights the field's names by what they do ({@code decoder_0.qkv}), since exporters number them. */
public final class NamePass extends Pass {
  public NamePass() {
    super("name", "name weights by what they do");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    Map<Weight, String> names = new HashMap<>();
    for (Stage stage : module.stages()) {
      int norms = 0;
      for (Operation op : stage.operations()) {
        String role = null;
        if (op.is("nn.rms_norm") || op.is("nn.layer_norm")) {
          norms++;
          role = stage.operations().size() == 1 ? "weight" : "ln" + norms;
        } else if (op.is("nn.embedding")) {
          role = "table";
        } else if (op.is("nn.linear")) {
          role = linearRole(op);
        }
        if (role != null) {
          Value w = op.operand(1);
          if (w.weight() != null) {
            names.putIfAbsent(w.weight(), stage.name() + "." + role);
          }
          Value bias = op.operands().size() > 2 ? op.operand(2) : null;
          if ((op.is("nn.linear") || op.is("nn.layer_norm")) && bias != null && bias.weight() != null) {
            names.putIfAbsent(bias.weight(), stage.name() + "." + role + "_bias");
          }
        } else if (op.is("nn.table_rows") && op.operand(0).weight() != null && "embed".equals(stage.textAttribute("role"))) {
          names.putIfAbsent(op.operand(0).weight(), stage.name() + ".positions");
        } else if (op.is("nn.rope")) {
          names.putIfAbsent(op.operand(1).weight(), "rope.cos");
          names.putIfAbsent(op.operand(2).weight(), "rope.sin");
        }
      }
    }
    names.remove(null);
    module.renameWeights(names);
    context.count("name.weights", names.size());
  }

  /** By who reads the result, and where nobody special does, by who made the input. */
  private static String linearRole(Operation linear) {
    Set<String> readers = new HashSet<>();
    collectReaders(linear.result(), readers);
    Operation source = linear.operand(0).producer();
    if (readers.contains("q") && readers.contains("k")) {
      return readers.contains("v") ? "qkv" : "qk";
    }
    for (String single : new String[] {"q", "k", "v"}) {
      if (readers.contains(single)) {
        return single;
      }
    }
    if (readers.contains("gate") || readers.contains("up")) {
      return readers.size() > 1 ? "gate_up" : readers.iterator().next();
    }
    if (source != null && source.is("nn.past_attention")) {
      return "o";
    }
    if (source != null && source.is("nn.swiglu")) {
      return "down";
    }
    return "weight";
  }

  private static void collectReaders(Value value, Set<String> readers) {
    for (Value.Use use : value.uses()) {
      Operation op = use.user();
      if (op == null) {
        continue;
      }
      if (op.is("nn.split") || op.is("nn.rope")) {
        op.results().forEach(r -> collectReaders(r, readers));
      } else if (op.is("nn.past_attention") && use.index() < 3) {
        readers.add(new String[] {"q", "k", "v"}[use.index()]);
      } else if (op.is("nn.swiglu")) {
        readers.add(use.index() == 0 ? "gate" : "up");
      }
    }
  }
}
