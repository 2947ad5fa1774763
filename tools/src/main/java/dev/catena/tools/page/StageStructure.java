package dev.catena.tools.page;

import dev.catena.ir.Attribute;
import dev.catena.ir.Block;
import dev.catena.ir.Operation;
import dev.catena.ir.Printer;
import dev.catena.ir.Stage;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import java.util.IdentityHashMap;
import java.util.Map;

/**
 * What a stage computes, without names: two stages with equal structures differ in the elements of their weights and in
 * what values, weights and files are called.
 */
final class StageStructure {
  private final StringBuilder text = new StringBuilder();
  private final IdentityHashMap<Value, Integer> values = new IdentityHashMap<>();
  private final IdentityHashMap<Weight, Integer> weights = new IdentityHashMap<>();

  private StageStructure() {}

  /** Equal for stages of equal structure. */
  static String of(Stage stage) {
    StageStructure s = new StageStructure();
    s.stage(stage);
    return s.text.toString();
  }

  private void stage(Stage stage) {
    stage.attributes().forEach((name, value) -> {
      if (!isName(name)) {
        attribute(name, value);
      }
    });
    block(stage);
  }

  private void block(Block block) {
    block.arguments().forEach(this::define);
    for (Operation op : block.operations()) {
      text.append('\n').append(op.name());
      op.operands().forEach(this::use);
      op.attributes().forEach(this::attribute);
      for (Block region : op.regions()) {
        text.append(" {");
        block(region);
        text.append('}');
      }
      op.results().forEach(this::define);
    }
    text.append("\nreturn");
    block.outputs().forEach(this::use);
  }

  /** Attributes that say where a stage came from and what its file calls things. */
  private static boolean isName(String attribute) {
    return attribute.equals("source") || attribute.startsWith("arg.") || attribute.startsWith("out.");
  }

  private void attribute(String name, Attribute value) {
    text.append(' ').append(name).append('=').append(Printer.attribute(value));
  }

  private void define(Value v) {
    values.put(v, values.size());
    text.append(" : ").append(v.type() == null ? "?" : v.type().text());
  }

  private void use(Value v) {
    if (v == null) {
      text.append(" _");
    } else if (v.weight() != null) {
      text.append(" @").append(weights.computeIfAbsent(v.weight(), w -> weights.size())).append(v.type().text());
    } else {
      text.append(" %").append(values.get(v));
    }
  }

  /** All stages' structures by name. */
  static Map<String, String> ofAll(Iterable<Stage> stages) {
    Map<String, String> structures = new java.util.LinkedHashMap<>();
    stages.forEach(s -> structures.put(s.name(), of(s)));
    return structures;
  }
}
