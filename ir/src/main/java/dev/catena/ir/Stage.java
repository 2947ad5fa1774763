package dev.catena.ir;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A compiled piece: a block with a name, named outputs and properties. */
public final class Stage extends Block {
  private String name;
  private final List<String> outputNames = new ArrayList<>();
  private final TreeMap<String, Attribute> attributes = new TreeMap<>();

  public Stage(String name) {
    this.name = name;
  }

  public String name() {
    return name;
  }

  public void rename(String newName) {
    name = newName;
  }

  public List<String> outputNames() {
    return Collections.unmodifiableList(outputNames);
  }

  public void addOutput(String outputName, Value value) {
    super.addOutput(value);
    outputNames.add(outputName);
  }

  /** An output named by its number. */
  @Override
  public void addOutput(Value value) {
    super.addOutput(value);
    outputNames.add("output_" + (outputs().size() - 1));
  }

  @Override
  public void clearOutputs() {
    super.clearOutputs();
    outputNames.clear();
  }

  /** Properties of the stage: its role, and what the graph can't prove ({@code assume.mask = "causal"}). */
  public Map<String, Attribute> attributes() {
    return Collections.unmodifiableMap(attributes);
  }

  public void setAttribute(String attribute, Attribute value) {
    attributes.put(attribute, value);
  }

  public void removeAttribute(String attribute) {
    attributes.remove(attribute);
  }

  /** Removes an argument that has no uses left, and the attributes {@code arg.…} that name it. */
  @Override
  public void removeArgument(Value argument) {
    super.removeArgument(argument);
    attributes.entrySet().removeIf(e -> e.getKey().startsWith("arg.")
        && e.getValue() instanceof Attribute.Text t && t.value().equals(argument.name()));
  }

  public String textAttribute(String attribute) {
    return attributes.get(attribute) instanceof Attribute.Text t ? t.value() : null;
  }

  @Override
  public String toString() {
    return Printer.stage(this);
  }
}
