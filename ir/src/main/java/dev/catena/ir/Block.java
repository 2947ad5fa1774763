package dev.catena.ir;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Operations in SSA form, in order, with typed arguments and outputs. A stage is one; so is each region of an operation
 * such as {@code onnx.If}. A block sees its own arguments, its own results and the module's weights, nothing of the block
 * around it: what a region reads, its operation takes as an operand.
 */
public class Block {
  private final List<Value> arguments = new ArrayList<>();
  private final List<Operation> operations = new ArrayList<>();
  private final List<Value> outputs = new ArrayList<>();
  /** How far the operation that was asked for last stood from where it was seen before. */
  private int moved;

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

  public void addOutput(Value value) {
    outputs.add(value);
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

  /** Appends an operation with regions, one per name that its declaration gives. */
  public Operation append(OpDefinition definition, List<Value> operands, Map<String, Attribute> attrs, int resultCount,
      List<Block> regions) {
    return insert(operations.size(), definition, operands, attrs, resultCount, regions);
  }

  /** Inserts at {@code index} and infers the result types. */
  public Operation insert(int index, OpDefinition definition, List<Value> operands, Map<String, Attribute> attrs,
      int resultCount) {
    return insert(index, definition, operands, attrs, resultCount, List.of());
  }

  private Operation insert(int index, OpDefinition definition, List<Value> operands, Map<String, Attribute> attrs,
      int resultCount, List<Block> regions) {
    Operation op = new Operation(definition, operands, attrs, resultCount, regions);
    operations.add(index, op);
    op.seenAt(index);
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
   * Appends an operation whose result types are stated, as a text does: dimensions that depend on data keep the names that
   * they were given. The results have the types that the shape function gives; the caller compares.
   */
  public Operation appendStated(OpDefinition definition, List<Value> operands, Map<String, Attribute> attrs,
      List<Type> stated, List<Block> regions) {
    Operation op = new Operation(definition, operands, attrs, stated.size(), regions);
    for (int i = 0; i < stated.size(); i++) {
      op.result(i).setType(stated.get(i));
    }
    op.seenAt(operations.size());
    operations.add(op);
    try {
      op.inferTypes();
    } catch (RuntimeException e) {
      operations.remove(operations.size() - 1);
      op.dropOperands();
      throw e;
    }
    return op;
  }

  private static int fixedResults(OpDefinition definition) {
    if (definition.results().stream().anyMatch(r -> r.arity() == OpDefinition.Arity.VARIADIC)) {
      throw new IllegalArgumentException(definition + " has a variable number of results; say how many");
    }
    return definition.results().size();
  }

  /**
   * Where the operation stands. Files may hold 100 000 nodes, and passes go through them in order: it is looked for around
   * the place where it was last seen, and as far from there as the operation before it had moved.
   */
  public int indexOf(Operation op) {
    int seen = op.lastPlace();
    for (int distance = 0; distance <= Math.max(seen, operations.size()); distance++) {
      int at = isAt(seen - distance, op) ? seen - distance : isAt(seen + distance, op) ? seen + distance
          : isAt(seen + moved - distance, op) ? seen + moved - distance
          : isAt(seen + moved + distance, op) ? seen + moved + distance : -1;
      if (at >= 0) {
        moved = at == seen ? moved : at - seen;
        op.seenAt(at);
        return at;
      }
    }
    throw new IllegalArgumentException("not in this block: " + op.name());
  }

  private boolean isAt(int place, Operation op) {
    return place >= 0 && place < operations.size() && operations.get(place) == op;
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
        if (u.index() < outputs.size() && outputs.get(u.index()) == from) { // a weight may be another block's output
          setOutput(u.index(), to);
        }
      } else {
        u.user().setOperand(u.index(), to);
      }
    }
  }

  /** Sorts the operations so that every definition stands before its uses; otherwise keeps their order. */
  public void sortTopologically() {
    Set<Operation> placed = Collections.newSetFromMap(new IdentityHashMap<>());
    List<Operation> order = new ArrayList<>(operations.size());
    ArrayDeque<Operation> stack = new ArrayDeque<>();
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

  /**
   * Copies what a region computes to before {@code place}.
   *
   * @param given what the region's arguments stand for
   * @return what the region returns
   */
  public List<Value> inline(Operation place, Block region, List<Value> given) {
    IdentityHashMap<Value, Value> copies = new IdentityHashMap<>();
    for (int i = 0; i < given.size(); i++) {
      copies.put(region.arguments().get(i), given.get(i));
    }
    region.copyInto(this, indexOf(place), copies);
    return region.outputs.stream().map(v -> copies.getOrDefault(v, v)).toList();
  }

  private void copyInto(Block target, int at, IdentityHashMap<Value, Value> copies) {
    for (Operation op : operations) {
      List<Value> operands = new ArrayList<>();
      op.operands().forEach(v -> operands.add(copies.getOrDefault(v, v)));
      List<Block> regions = op.regions().stream().map(Block::copy).toList();
      Operation copy = target.insert(at++, op.definition(), operands, op.attributes(), op.results().size(), regions);
      copy.setOrigin(op.origin());
      for (int i = 0; i < op.results().size(); i++) {
        copy.result(i).rename(op.result(i).name());
        copies.put(op.result(i), copy.result(i));
      }
    }
  }

  /** The same operations on arguments of its own. */
  public Block copy() {
    Block copy = new Block();
    IdentityHashMap<Value, Value> copies = new IdentityHashMap<>();
    arguments.forEach(a -> copies.put(a, copy.addArgument(a.name(), a.type())));
    copyInto(copy, 0, copies);
    outputs.forEach(v -> copy.addOutput(copies.getOrDefault(v, v)));
    return copy;
  }

  /** Ends all uses that this block makes of values, its weights above all, before it is thrown away. */
  public void dropUses() {
    clearOutputs();
    operations.forEach(Operation::dropOperands);
  }
}
