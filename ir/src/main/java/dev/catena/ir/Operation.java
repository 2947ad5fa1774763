package dev.catena.ir;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** An operation in a stage: a declared kind, operands, attributes, results. Created by {@link Block#append} or insert. */
public final class Operation {
  private final OpDefinition definition;
  private final List<Value> operands = new ArrayList<>();
  private final TreeMap<String, Attribute> attributes = new TreeMap<>();
  private final List<Value> results = new ArrayList<>();
  private final List<Block> regions;
  private String origin = "";
  private int lastPlace;

  Operation(OpDefinition definition, List<Value> operands, Map<String, Attribute> attributes, int resultCount,
      List<Block> regions) {
    this.definition = definition;
    this.regions = List.copyOf(regions);
    this.attributes.putAll(attributes);
    for (Value v : operands) {
      this.operands.add(v);
      if (v != null) {
        v.addUse(this, this.operands.size() - 1);
      }
    }
    String hint = definition.name().substring(definition.name().indexOf('.') + 1).toLowerCase(java.util.Locale.ROOT);
    for (int i = 0; i < resultCount; i++) {
      results.add(Value.result(hint, null, this, i));
    }
  }

  public OpDefinition definition() {
    return definition;
  }

  /** The full name, such as {@code onnx.MatMul}. */
  public String name() {
    return definition.name();
  }

  public boolean is(String fullName) {
    return definition.name().equals(fullName);
  }

  /** Operands in order; an absent optional operand is null. */
  public List<Value> operands() {
    return Collections.unmodifiableList(operands);
  }

  /** Operand {@code index}, or null where it is absent. */
  public Value operand(int index) {
    return index < operands.size() ? operands.get(index) : null;
  }

  public void setOperand(int index, Value value) {
    while (operands.size() <= index) {
      operands.add(null); // optional ones that were left out
    }
    Value old = operands.get(index);
    if (old != null) {
      old.removeUse(this, index);
    }
    operands.set(index, value);
    if (value != null) {
      value.addUse(this, index);
    }
  }

  void dropOperands() {
    for (int i = 0; i < operands.size(); i++) {
      if (operands.get(i) != null) {
        operands.get(i).removeUse(this, i);
      }
    }
    operands.clear();
    regions.forEach(Block::dropUses);
  }

  /** The blocks inside, in the order of the declaration's names. */
  public List<Block> regions() {
    return regions;
  }

  /** The operands that are the arguments of each region: the declaration's last, variadic ones. */
  public List<Value> regionOperands() {
    int fixed = Math.min(definition.operands().size() - 1, operands.size());
    return operands().subList(fixed, operands.size());
  }

  public List<Value> results() {
    return Collections.unmodifiableList(results);
  }

  public Value result() {
    return results.get(0);
  }

  public Value result(int index) {
    return results.get(index);
  }

  /** All attributes that were set, by name. */
  public Map<String, Attribute> attributes() {
    return Collections.unmodifiableMap(attributes);
  }

  /** The attribute, else its declared default, else null. */
  public Attribute attribute(String name) {
    Attribute a = attributes.get(name);
    if (a == null) {
      OpDefinition.AttributeSpec spec = definition.attributes().get(name);
      return spec == null ? null : spec.byDefault();
    }
    return a;
  }

  public void setAttribute(String name, Attribute value) {
    attributes.put(name, value);
  }

  public boolean hasAttribute(String name) {
    return attribute(name) != null;
  }

  public long intAttribute(String name) {
    if (attribute(name) instanceof Attribute.Int i) {
      return i.value();
    }
    throw broken("attribute " + name + " must be an integer");
  }

  public long intAttribute(String name, long otherwise) {
    return attribute(name) == null ? otherwise : intAttribute(name);
  }

  /** A real number; an integer attribute is accepted as one. */
  public double realAttribute(String name) {
    Attribute a = attribute(name);
    if (a instanceof Attribute.Real r) {
      return r.value();
    }
    if (a instanceof Attribute.Int i) {
      return i.value();
    }
    throw broken("attribute " + name + " must be a number");
  }

  public List<Long> intsAttribute(String name) {
    if (attribute(name) instanceof Attribute.Ints i) {
      return i.values();
    }
    throw broken("attribute " + name + " must be a list of integers");
  }

  public String textAttribute(String name) {
    if (attribute(name) instanceof Attribute.Text t) {
      return t.value();
    }
    throw broken("attribute " + name + " must be a text");
  }

  public boolean flagAttribute(String name) {
    return attribute(name) instanceof Attribute.Flag f && f.value();
  }

  public ElementType elementAttribute(String name) {
    if (attribute(name) instanceof Attribute.Element e) {
      return e.value();
    }
    throw broken("attribute " + name + " must be an element type");
  }

  /** Its index in its block when that was last asked; others may have been inserted or removed since. */
  int lastPlace() {
    return lastPlace;
  }

  void seenAt(int place) {
    lastPlace = place;
  }

  /** Where the operation came from: {@code FILE: node NAME}; kept through rewrites for messages. */
  public String origin() {
    return origin;
  }

  public Operation setOrigin(String where) {
    origin = where;
    return this;
  }

  /** An error about this operation that names its origin. */
  public IrException broken(String what) {
    return new IrException((origin.isEmpty() ? "" : origin + ": ") + name() + ": " + what);
  }

  /** Computes the results' types and contents from the operands', those inside the regions first. */
  public void inferTypes() {
    if (regions.size() != definition.regions().size()) {
      throw broken("has " + regions.size() + " regions, its declaration names " + definition.regions());
    }
    for (Block region : regions) {
      if (regionOperands().size() != region.arguments().size()) {
        throw broken("a region takes " + region.arguments().size() + " values, " + regionOperands().size() + " are given");
      }
    }
    if (definition.regionTypes() != null) {
      definition.regionTypes().infer(this);
    } else {
      regions.forEach(this::inferRegion);
    }
    List<OpDefinition.Inferred> inferred = definition.shape().infer(this);
    if (inferred.size() < results.size()) {
      throw broken("has " + results.size() + " results, its declaration gives " + inferred.size());
    }
    for (int i = 0; i < results.size(); i++) {
      results.get(i).setType(inferred.get(i).type());
      results.get(i).setContents(inferred.get(i).contents());
    }
  }

  private void inferRegion(Block region) {
    List<Value> given = regionOperands();
    for (int i = 0; i < given.size(); i++) {
      region.arguments().get(i).setType(given.get(i).type());
      region.arguments().get(i).setContents(given.get(i).contents());
    }
    region.inferTypes();
  }

  @Override
  public String toString() {
    return Printer.operation(this);
  }
}
