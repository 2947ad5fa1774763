package dev.catena.ir.text;

import dev.catena.ir.Module;
import dev.catena.ir.Stage;
import dev.catena.ir.Type;
import dev.catena.ir.WeightData;

/** Makes a module of a parse tree. Goes on after an error, so that all of them are reported at once. */
final class ModuleBuilder {
  private final CirErrors errors;
  private final Literals literals;
  private final Origins origins;

  ModuleBuilder(CirErrors errors, WeightFiles files) {
    this.errors = errors;
    this.literals = new Literals(errors);
    this.origins = new Origins(errors, literals, files);
  }

  Module build(CirParser.ModuleContext tree) {
    Module module = new Module(tree.symbol() == null ? "" : literals.symbol(tree.symbol()));
    literals.attributes(tree.attributes()).forEach(module::setAttribute);
    for (CirParser.WeightContext w : tree.weight()) {
      errors.attempt(w, () -> weight(module, w));
    }
    for (CirParser.StageContext s : tree.stage()) {
      errors.attempt(s.symbol(), () -> module.addStage(stage(module, s)));
    }
    return module;
  }

  private void weight(Module module, CirParser.WeightContext w) {
    String name = literals.symbol(w.symbol());
    if (module.weights().containsKey(name)) {
      errors.at(w.symbol(), "expected a new name, found @" + name + ", which a weight before has");
      return;
    }
    Type type = literals.type(w.type());
    WeightData data = origins.resolve(w.origin(), type, w.hash == null ? null : w.hash.getText());
    module.addWeight(name, data);
  }

  private Stage stage(Module module, CirParser.StageContext tree) {
    Stage stage = new Stage(literals.symbol(tree.symbol()));
    literals.attributes(tree.attributes()).forEach(stage::setAttribute);
    BlockBuilder block = new BlockBuilder(errors, literals, module, stage);
    block.arguments(tree.argument());
    block.operations(tree.operation());
    errors.attempt(tree, () -> block.outputs(stage, tree));
    return stage;
  }
}
