package dev.catena.ir;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A compiled piece: one block of operations in SSA form, with typed arguments and outputs. */
public final class Stage {
  private String name;
  private final List<Value> arguments = new ArrayList<>();
  private final List<Operation> operations = new ArrayList<>();
  private final List<Value> outputs = new ArrayList<>();
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

  public List<Value> arguments() {
    return Collections.unmodifiableList(arguments);
  }

  public Value argument(String argumentName) {
    return arguments.stream().filter(a -> a.name().equals(argumentName)).findFirst().orElse(null);
  }

  public Value addArgument(String argumentName, Type type) {
    Value v = Value.argument(argumentName, type);
    arguments.add(v);
    return v;
  }

  /** Removes an argument that has no uses left. */
  public void removeArgument(Value argument) {
    if (!argument.uses().isEmpty()) {
      throw new IllegalStateException("argument %" + argument.name() + " is still used");
    }
    arguments.remove(argument);
  }

  public List<Operation> operations() {
    return Collections.unmodifiableList(operations);
  }

  public List<Value> outputs() {
    return Collections.unmodifiableList(outputs);
  }

  public List<String> outputNames() {
    return Collections.unmodifiableList(outputNames);
  }

  public void addOutput(String outputName, Value value) {
    outputs.add(value);
    outputNames.add(outputName);
    value.addUse(null, outputs.size() - 1);
  }

  public void setOutput(int index, Value value) {
    outputs.get(index).removeUse(null, index);
    outputs.set(index, value);
    value.addUse(null, index);
  }

  /** Removes all outputs; the caller adds the new ones. */
  public void clearOutputs() {
    for (int i = 0; i < outputs.size(); i++) {
      outputs.get(i).removeUse(null, i);
    }
    outputs.clear();
    outputNames.clear();
  }

  /** Properties of the stage: its role, and what the graph can't prove ({@code assume.mask = "causal"}). */
  public Map<String, Attribute> attributes() {
    return Collections.unmodifiableMap(attributes);
  }

  public void setAttribute(String attribute, Attribute value) {
    attributes.put(attribute, value);
  }

  public String textAttribute(String attribute) {
    return attributes.get(attribute) instanceof Attribute.Text t ? t.value() : null;
  }

  public Operation append(OpDefinition definition, List<Value> operands, Map<String, Attribute> attrs) {
    return insert(operations.size(), definition, operands, attrs, fixedResults(definition));
  }

  /** Appends an operation whose declaration leaves the number of results open. */
  public Operation append(OpDefinition definition, List<Value> operands, Map<String, Attribute> attrs, int resultCount) {
    return insert(operations.size(), definition, operands, attrs, resultCount);
  }

  public Operation insertBefore(Operation place, OpDefinition definition, List<Value> operands,
      Map<String, Attribute> attrs) {
    return insert(indexOf(place), definition, operands, attrs, fixedResults(definition));
  }

  public Operation insertBefore(Operation place, OpDefinition definition, List<Value> operands,
      Map<String, Attribute> attrs, int resultCount) {
    return insert(indexOf(place), definition, operands, attrs, resultCount);
  }

  /** Inserts at {@code index} and infers the result types. */
  public Operation insert(int index, OpDefinition definition, List<Value> operands, Map<String, Attribute> attrs,
      int resultCount) {
    Operation op = new Operation(definition, operands, attrs, resultCount);
    operations.add(index, op);
    try {
      op.inferTypes();
    } catch (RuntimeException e) {
      op.dropOperands();
      operations.remove(index);
      throw e;
    }
    return op;
  }

  /**
   * Appends an operation whose result types are stated, as a text does; types that the shape function doesn't give are an
   * error.
   */
  public Operation appendDeclared(OpDefinition definition, List<Value> operands, Map<String, Attribute> attrs,
      List<Type> declared) {
    Operation op = new Operation(definition, operands, attrs, declared.size());
    try {
      for (int i = 0; i < declared.size(); i++) {
        op.result(i).setType(declared.get(i)); // dimensions that depend on data keep the names they were given
      }
      op.inferTypes();
      for (int i = 0; i < declared.size(); i++) {
        if (!op.result(i).type().equals(declared.get(i))) {
          throw op.broken("result " + i + " is stated as " + declared.get(i).text() + ", the operands give "
              + op.result(i).type().text());
        }
      }
    } catch (RuntimeException e) {
      op.dropOperands();
      throw e;
    }
    operations.add(op);
    return op;
  }

  private static int fixedResults(OpDefinition definition) {
    if (definition.results().stream().anyMatch(r -> r.arity() == OpDefinition.Arity.VARIADIC)) {
      throw new IllegalArgumentException(definition + " has a variable number of results; say how many");
    }
    return definition.results().size();
  }

  public int indexOf(Operation op) {
    for (int i = 0; i < operations.size(); i++) {
      if (operations.get(i) == op) {
        return i;
      }
    }
    throw new IllegalArgumentException("not in stage @" + name + ": " + op.name());
  }

  /** Removes an operation none of whose results is used. */
  public void remove(Operation op) {
    for (Value r : op.results()) {
      if (!r.uses().isEmpty()) {
        throw new IllegalStateException("%" + r.name() + " is still used");
      }
    }
    operations.remove(indexOf(op));
    op.dropOperands();
  }

  /** Makes every use of {@code from} a use of {@code to}. */
  public void replaceUses(Value from, Value to) {
    if (from == to) {
      return;
    }
    for (Value.Use u : List.copyOf(from.uses())) {
      if (u.user() == null) {
        setOutput(u.index(), to);
      } else {
        u.user().setOperand(u.index(), to);
      }
    }
  }

  /** Sorts the operations so that every definition stands before its uses; otherwise keeps their order. */
  public void sortTopologically() {
    java.util.Set<Operation> placed = java.util.Collections.newSetFromMap(new java.util.IdentityHashMap<>());
    List<Operation> order = new ArrayList<>(operations.size());
    java.util.ArrayDeque<Operation> stack = new java.util.ArrayDeque<>();
    for (Operation root : operations) {
      stack.push(root);
      while (!stack.isEmpty()) {
        Operation op = stack.peek();
        if (placed.contains(op)) {
          stack.pop();
          continue;
        }
        boolean ready = true;
        for (Value v : op.operands()) {
          if (v != null && v.producer() != null && !placed.contains(v.producer())) {
            if (stack.contains(v.producer())) {
              throw op.broken("is part of a cycle");
            }
            stack.push(v.producer());
            ready = false;
          }
        }
        if (ready) {
          stack.pop();
          placed.add(op);
          order.add(op);
        }
      }
    }
    operations.clear();
    operations.addAll(order);
  }

  /** Infers all types again, in order, after arguments changed. */
  public void inferTypes() {
    for (Operation op : operations) {
      op.inferTypes();
    }
  }

  @Override
  public String toString() {
    return Printer.stage(this);
  }
}
