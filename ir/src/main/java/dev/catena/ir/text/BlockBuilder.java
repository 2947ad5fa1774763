package dev.catena.ir.text;

import dev.catena.ir.Attribute;
import dev.catena.ir.Block;
import dev.catena.ir.Dialects;
import dev.catena.ir.IrException;
import dev.catena.ir.Module;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Type;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.antlr.v4.runtime.ParserRuleContext;
import org.antlr.v4.runtime.Token;
import org.antlr.v4.runtime.tree.TerminalNode;

/**
 * Makes one block of its text: a stage's, or a region's inside an operation. Checks each operation against its declaration
 * and goes on after an error; who reads what an erroneous operation gives isn't blamed as well.
 */
final class BlockBuilder {
  private final CirErrors errors;
  private final Literals literals;
  private final Module module;
  private final Block block;
  private final Map<String, Value> values = new HashMap<>();
  private final Map<String, Integer> lines = new HashMap<>();
  /** Names that are defined by text in which there is an error, so that nothing is known of them. */
  private final Set<String> unknown = new HashSet<>();

  BlockBuilder(CirErrors errors, Literals literals, Module module, Block block) {
    this.errors = errors;
    this.literals = literals;
    this.module = module;
    this.block = block;
  }

  void arguments(List<CirParser.ArgumentContext> arguments) {
    for (CirParser.ArgumentContext a : arguments) {
      errors.attempt(a, () -> {
        String name = literals.value(a.VALUE());
        define(a.VALUE().getSymbol(), name, block.addArgument(name, literals.type(a.type())));
      });
    }
  }

  void operations(List<CirParser.OperationContext> operations) {
    for (CirParser.OperationContext op : operations) {
      errors.attempt(op, () -> operation(op));
      for (TerminalNode v : op.VALUE()) {
        if (!values.containsKey(literals.value(v)) && unknown.add(literals.value(v))) {
          lines.putIfAbsent(literals.value(v), v.getSymbol().getLine());
        }
      }
    }
  }

  /** What the block returns. */
  List<Value> returned(List<CirParser.OperandContext> operands) {
    return operands.stream().map(this::operand).toList();
  }

  private void define(Token place, String name, Value value) {
    if (unknown.remove(name) ? values.put(name, value) == null : values.putIfAbsent(name, value) != null) {
      errors.at(place, "expected a new name, found %" + name + ", which line " + lines.get(name) + " defines");
    } else {
      lines.put(name, place.getLine());
    }
  }

  private void operation(CirParser.OperationContext tree) {
    OpDefinition definition = Dialects.find(tree.op.getText());
    int before = errors.count();
    if (definition == null) {
      errors.at(tree.op, "expected an operation, found " + tree.op.getText() + Suggestion.among(tree.op.getText(),
          Dialects.all().stream().map(OpDefinition::name).toList()));
    }
    boolean complete = true;
    List<Value> operands = new ArrayList<>();
    for (CirParser.OperandContext o : tree.operand()) {
      Value v = operand(o);
      complete &= v != null || o.getText().equals("_");
      operands.add(v);
    }
    Map<String, Attribute> given = literals.attributes(tree.attributes());
    List<Type> types = tree.types().type().stream().map(literals::type).toList();
    if (types.size() != tree.VALUE().size()) {
      errors.at(tree.types(), "expected " + counted(tree.VALUE().size(), "type") + ", one for each result, found "
          + types.size());
    }
    if (definition != null) {
      checkDeclaration(tree, definition, given);
    }
    Operation op = null;
    List<Block> regions = definition == null ? List.of() : regions(tree, definition);
    if (complete && errors.count() == before) {
      op = append(tree, definition, operands, given, types, regions);
    }
    for (int i = 0; i < tree.VALUE().size(); i++) {
      String name = literals.value(tree.VALUE(i));
      if (op == null && i >= types.size()) {
        continue; // nothing is known of it
      }
      // An operation that failed still defines its results as they are stated.
      Value v = op != null ? op.result(i) : new Block().addArgument(name, types.get(i));
      v.rename(name);
      define(tree.VALUE(i).getSymbol(), name, v);
    }
  }

  private Operation append(CirParser.OperationContext tree, OpDefinition definition, List<Value> operands,
      Map<String, Attribute> given, List<Type> stated, List<Block> regions) {
    Operation op;
    try {
      op = block.appendStated(definition, operands, given, stated, regions);
    } catch (IrException | ArithmeticException e) {
      errors.at(tree.op, e.getMessage());
      return null;
    } catch (RuntimeException e) { // a shape function that met what it never meets in an imported model
      errors.at(tree.op, definition.name() + " can't take operands of types "
          + operands.stream().map(v -> v == null ? "_" : v.type().text()).collect(Collectors.joining(", ")));
      return null;
    }
    op.setOrigin(errors.file() + ":" + tree.getStart().getLine());
    for (int i = 0; i < stated.size(); i++) {
      if (!op.result(i).type().equals(stated.get(i))) {
        errors.at(tree.types().type(i), "expected " + op.result(i).type().text() + ", which is what "
            + definition.name() + " gives for these operands, found " + stated.get(i).text());
      }
    }
    return op;
  }

  private List<Block> regions(CirParser.OperationContext tree, OpDefinition definition) {
    List<String> found = tree.region().stream().map(r -> r.NAME().getText()).toList();
    if (!found.equals(definition.regions())) {
      errors.at(tree.region().isEmpty() ? tree.op : tree.region(0).getStart(), "expected "
          + (definition.regions().isEmpty() ? "no regions" : "the regions " + String.join(", ", definition.regions()))
          + " of " + definition.name() + ", found " + (found.isEmpty() ? "none" : String.join(", ", found)));
    }
    List<Block> regions = new ArrayList<>();
    for (CirParser.RegionContext r : tree.region()) {
      Block region = new Block();
      BlockBuilder builder = new BlockBuilder(errors, literals, module, region);
      builder.arguments(r.argument());
      builder.operations(r.operation());
      builder.returned(r.operand()).stream().filter(v -> v != null).forEach(region::addOutput);
      checkArguments(tree, definition, r, region);
      regions.add(region);
    }
    return regions;
  }

  /** A region's arguments are stated with the types of the operands that they stand for. */
  private void checkArguments(CirParser.OperationContext tree, OpDefinition definition, CirParser.RegionContext r,
      Block region) {
    List<CirParser.OperandContext> captured = tree.operand()
        .subList(Math.min(definition.operands().size() - 1, tree.operand().size()), tree.operand().size());
    if (captured.size() != r.argument().size()) {
      errors.at(r, "expected " + counted(captured.size(), "argument") + ", one for each value that " + definition.name()
          + " captures, found " + r.argument().size());
      return;
    }
    for (int i = 0; i < Math.min(captured.size(), region.arguments().size()); i++) {
      Value outer = captured.get(i).VALUE() == null ? operand(captured.get(i))
          : values.get(literals.value(captured.get(i).VALUE()));
      if (outer != null && outer.type() != null && definition.regionTypes() == null
          && !outer.type().equals(region.arguments().get(i).type())) {
        errors.at(r.argument(i).type(), "expected " + outer.type().text() + ", the type of " + captured.get(i).getText()
            + ", found " + region.arguments().get(i).type().text());
      }
    }
  }

  private void checkDeclaration(CirParser.OperationContext tree, OpDefinition d, Map<String, Attribute> given) {
    List<CirParser.AttributeContext> written = tree.attributes() == null ? List.of() : tree.attributes().attribute();
    for (CirParser.AttributeContext a : written) {
      String name = literals.name(a.attributeName().getText());
      OpDefinition.AttributeSpec spec = d.attributes().get(name);
      if (spec == null) {
        errors.at(a, "expected an attribute of " + d.name() + " (" + (d.attributes().isEmpty() ? "it has none"
            : String.join(", ", d.attributes().keySet())) + "), found " + name);
      } else if (given.get(name) != null && !spec.kind().isInstance(given.get(name))) {
        errors.at(a.attributeValue(), "expected " + kind(spec.kind()) + " for attribute " + name + " of " + d.name()
            + ", found " + a.attributeValue().getText());
      }
    }
    for (OpDefinition.AttributeSpec spec : d.attributes().values()) {
      if (spec.required() && written.stream()
          .noneMatch(a -> literals.name(a.attributeName().getText()).equals(spec.name()))) {
        errors.at(tree.op, "expected attribute " + spec.name() + " (" + kind(spec.kind()) + "), which " + d.name()
            + " needs, found none");
      }
    }
    List<CirParser.OperandContext> operands = tree.operand();
    for (int i = 0; i < d.operands().size(); i++) {
      OpDefinition.OperandSpec spec = d.operands().get(i);
      boolean absent = i >= operands.size() || operands.get(i).getText().equals("_");
      if (spec.arity() == OpDefinition.Arity.ONE && absent) {
        errors.at(i < operands.size() ? operands.get(i).getStart() : tree.op, "expected operand " + spec.name()
            + ", which " + d.name() + " needs, found " + (i < operands.size() ? "_" : "none"));
      }
    }
    if (!d.isVariadic() && operands.size() > d.operands().size()) {
      errors.at(operands.get(d.operands().size()), "expected at most " + counted(d.operands().size(), "operand") + " of "
          + d.name() + ", found " + operands.size());
    }
    int most = d.results().size();
    boolean open = d.results().stream().anyMatch(r -> r.arity() == OpDefinition.Arity.VARIADIC);
    if (!open && tree.VALUE().size() > most) {
      errors.at(tree.VALUE(most).getSymbol(), "expected at most " + counted(most, "result") + " of " + d.name() + ", found "
          + tree.VALUE().size());
    }
  }

  private static String counted(int n, String thing) {
    return n + " " + thing + (n == 1 ? "" : "s");
  }

  /** What an attribute must be, in a reader's words. */
  private static String kind(Class<? extends Attribute> kind) {
    return Attribute.describe(kind);
  }

  /** The value, or null where it is absent, unknown or an error. */
  private Value operand(CirParser.OperandContext o) {
    if (o.VALUE() != null) {
      String name = literals.value(o.VALUE());
      Value v = values.get(name);
      if (v == null && !unknown.contains(name)) {
        errors.at(o, "expected a value that is defined before, found %" + name
            + Suggestion.among(name, values.keySet().stream().sorted().toList(), "%"));
      }
      return v;
    }
    if (o.symbol() != null) {
      String name = literals.symbol(o.symbol());
      Weight w = module.weights().get(name);
      if (w == null) {
        errors.at(o, "expected a weight of this module, found @" + name
            + Suggestion.among(name, List.copyOf(module.weights().keySet()), "@"));
      }
      return w == null ? null : w.value();
    }
    return null;
  }

  /** Gives a stage its outputs, which the text states with their types. */
  void outputs(Stage stage, CirParser.StageContext tree) {
    List<Value> returned = returned(tree.operand());
    if (returned.size() != tree.output().size()) {
      ParserRuleContext place = tree.operand().isEmpty() ? tree : tree.operand(0);
      errors.at(place, "expected " + counted(tree.output().size(), "value") + ", as many as stage @" + stage.name()
          + " states outputs, found " + returned.size());
      return;
    }
    for (int i = 0; i < returned.size(); i++) {
      CirParser.OutputContext o = tree.output(i);
      Type stated = literals.type(o.type());
      Value v = returned.get(i);
      if (v != null) {
        if (!stated.equals(v.type())) {
          errors.at(tree.operand(i), "expected " + stated.text() + ", the type of output " + o.outputName().getText()
              + ", found " + tree.operand(i).getText() + " : " + v.type().text());
        }
        stage.addOutput(literals.name(o.outputName().getText()), v);
      }
    }
  }
}
