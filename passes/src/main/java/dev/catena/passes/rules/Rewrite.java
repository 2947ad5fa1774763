package dev.catena.passes.rules;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dialects;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.Arrays;
import java.util.Map;

/** Inserts the right side of a rule in front of the matched root and redirects uses to it. */
public final class Rewrite {
  private final Module module;
  private final Stage stage;
  private final Operation root;

  Rewrite(Module module, Stage stage, Operation root) {
    this.module = module;
    this.stage = stage;
    this.root = root;
  }

  public Operation root() {
    return root;
  }

  /** A new operation that takes over the root's origin. */
  public Operation op(String name, Map<String, Attribute> attributes, Value... operands) {
    return stage.insertBefore(root, Dialects.get(name), Arrays.asList(operands), attributes).setOrigin(root.origin());
  }

  /** Makes all uses of {@code from} uses of {@code to}. */
  public void replace(Value from, Value to) {
    stage.replaceUses(from, to);
  }

  /** Makes all uses of the root's first result uses of {@code to}. */
  public void replaceRoot(Value to) {
    stage.replaceUses(root.result(), to);
  }

  /** The same data as a weight of the module: itself, or an inline constant made one. */
  public Value asWeight(Value constant) {
    if (constant.weight() != null) {
      return constant;
    }
    return module.addWeight(stage.name() + "." + constant.name(), new LiteralWeight(constant.constant())).value();
  }

  /** A new weight; {@code name} is made unique. */
  public Value weight(String name, WeightData data) {
    return module.addWeight(name, data).value();
  }
}
