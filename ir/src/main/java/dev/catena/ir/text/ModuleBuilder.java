package dev.catena.ir.text;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dialects;
import dev.catena.ir.IrException;
import dev.catena.ir.Module;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Type;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import dev.catena.ir.WeightData;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.antlr.v4.runtime.ParserRuleContext;

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
    attributes(tree.attributes()).forEach(module::setAttribute);
    for (CirParser.WeightContext w : tree.weight()) {
      attempt(w, () -> weight(module, w));
    }
    for (CirParser.StageContext s : tree.stage()) {
      attempt(s, () -> module.addStage(new StageText(module, s).stage));
    }
    return module;
  }

  /** Runs a step whose failure is an error of the text at {@code place}; what the parser already complained of is left. */
  private void attempt(ParserRuleContext place, Runnable step) {
    try {
      step.run();
    } catch (IrException | ArithmeticException e) {
      errors.at(place, e.getMessage());
    } catch (NullPointerException | IllegalArgumentException e) {
      if (!errors.any()) { // a tree with holes comes from a syntax error only
        throw e;
      }
    }
  }

  private void weight(Module module, CirParser.WeightContext w) {
    String name = literals.symbol(w.symbol());
    if (module.weights().containsKey(name)) {
      errors.at(w.symbol(), "weight @" + name + " is defined twice");
      return;
    }
    Type type = literals.type(w.type());
    WeightData data = origins.resolve(w.origin(), type, w.hash == null ? null : w.hash.getText());
    module.addWeight(name, data);
  }

  private Map<String, Attribute> attributes(CirParser.AttributesContext tree) {
    Map<String, Attribute> all = new TreeMap<>();
    if (tree != null) {
      for (CirParser.AttributeContext a : tree.attribute()) {
        attempt(a, () -> {
          String name = literals.name(a.attributeName().getText());
          if (all.put(name, literals.attribute(a.attributeValue())) != null) {
            errors.at(a, "attribute " + name + " is given twice");
          }
        });
      }
    }
    return all;
  }

  /** One stage: the values seen so far, by name. */
  private final class StageText {
    private final Module module;
    private final Stage stage;
    private final Map<String, Value> values = new HashMap<>();

    StageText(Module module, CirParser.StageContext tree) {
      this.module = module;
      this.stage = new Stage(literals.symbol(tree.symbol()));
      attributes(tree.attributes()).forEach(stage::setAttribute);
      for (CirParser.ArgumentContext a : tree.argument()) {
        attempt(a, () -> define(a, a.VALUE().getText(),
            stage.addArgument(a.VALUE().getText().substring(1), literals.type(a.type()))));
      }
      for (CirParser.OperationContext op : tree.operation()) {
        attempt(op, () -> operation(op));
      }
      attempt(tree, () -> outputs(tree));
    }

    private void define(ParserRuleContext place, String name, Value value) {
      if (values.put(name, value) != null) {
        errors.at(place, name + " is defined twice");
      }
    }

    private void operation(CirParser.OperationContext tree) {
      OpDefinition definition = Dialects.find(tree.op.getText());
      List<Value> operands = new ArrayList<>();
      boolean complete = definition != null;
      if (definition == null) {
        errors.at(tree.op, "there is no operation " + tree.op.getText());
      }
      for (CirParser.OperandContext o : tree.operand()) {
        Value v = operand(o);
        complete &= v != null || o.getText().equals("_");
        operands.add(v);
      }
      Map<String, Attribute> given = attributes(tree.attributes());
      List<Type> types = tree.types().type().stream().map(literals::type).toList();
      if (types.size() != tree.VALUE().size()) {
        errors.at(tree.types(), tree.VALUE().size() + " results, " + types.size() + " types");
        complete = false;
      }
      Operation op = null;
      if (complete) {
        checkDeclaration(tree, definition, operands, given);
        try {
          op = stage.appendDeclared(definition, operands, given, types);
        } catch (IrException | ArithmeticException e) {
          errors.at(tree.op, e.getMessage());
        }
      }
      for (int i = 0; i < tree.VALUE().size(); i++) {
        String name = tree.VALUE(i).getText();
        // An operation that failed still defines its results, so that its readers aren't blamed as well.
        Value v = op != null ? op.result(i)
            : new Stage("failed").addArgument(name.substring(1), types.isEmpty() ? null
                : types.get(Math.min(i, types.size() - 1)));
        v.rename(name.substring(1));
        define(tree, name, v);
      }
    }

    private void checkDeclaration(CirParser.OperationContext tree, OpDefinition d, List<Value> operands,
        Map<String, Attribute> given) {
      for (CirParser.AttributeContext a : tree.attributes() == null ? List.<CirParser.AttributeContext>of()
          : tree.attributes().attribute()) {
        String name = literals.name(a.attributeName().getText());
        OpDefinition.AttributeSpec spec = d.attributes().get(name);
        if (spec == null) {
          errors.at(a, d.name() + " has no attribute " + name + "; it has " + (d.attributes().isEmpty() ? "none"
              : String.join(", ", d.attributes().keySet().stream().sorted().toList())));
        } else if (given.get(name) != null && !spec.kind().isInstance(given.get(name))) {
          errors.at(a.attributeValue(), "attribute " + name + " of " + d.name() + " is "
              + spec.kind().getSimpleName().toLowerCase(java.util.Locale.ROOT) + ", found "
              + a.attributeValue().getText());
        }
      }
      for (OpDefinition.AttributeSpec spec : d.attributes().values()) {
        if (spec.required() && !given.containsKey(spec.name())) {
          throw new IrException(d.name() + " needs attribute " + spec.name());
        }
      }
      for (int i = 0; i < d.operands().size(); i++) {
        if (d.operands().get(i).arity() == OpDefinition.Arity.ONE && (i >= operands.size() || operands.get(i) == null)) {
          throw new IrException(d.name() + " needs operand " + d.operands().get(i).name());
        }
      }
      boolean variadic = d.operands().stream().anyMatch(o -> o.arity() == OpDefinition.Arity.VARIADIC);
      if (!variadic && operands.size() > d.operands().size()) {
        throw new IrException(d.name() + " takes at most " + d.operands().size() + " operands, found " + operands.size());
      }
    }

    private Value operand(CirParser.OperandContext o) {
      if (o.VALUE() != null) {
        Value v = values.get(o.VALUE().getText());
        if (v == null) {
          errors.at(o, o.getText() + " is not defined here");
        }
        return v;
      }
      if (o.symbol() != null) {
        Weight w = module.weights().get(literals.symbol(o.symbol()));
        if (w == null) {
          errors.at(o, "there is no weight " + o.getText());
        }
        return w == null ? null : w.value();
      }
      return null;
    }

    private void outputs(CirParser.StageContext tree) {
      List<Value> returned = tree.operand().stream().map(this::operand).toList();
      if (returned.size() != tree.output().size()) {
        errors.at(tree, "stage @" + stage.name() + " states " + tree.output().size() + " outputs and returns "
            + returned.size());
        return;
      }
      for (int i = 0; i < returned.size(); i++) {
        CirParser.OutputContext o = tree.output(i);
        Type stated = literals.type(o.type());
        if (returned.get(i) != null) {
          if (!stated.equals(returned.get(i).type())) {
            errors.at(o, "output " + o.outputName().getText() + " is stated as " + stated.text() + ", "
                + tree.operand(i).getText() + " is " + returned.get(i).type().text());
          }
          stage.addOutput(literals.name(o.outputName().getText()), returned.get(i));
        }
      }
    }
  }
}
