package dev.catena.ir;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * A value in SSA form: an argument of a stage, a result of an operation, or a weight of the module. Knows where it is
 * used; {@link Operation} and {@link Stage} keep that up to date.
 */
public final class Value {
  /** One use: operand {@code index} of {@code user}, or output {@code index} of a stage when {@code user} is null. */
  public record Use(Operation user, int index) {}

  private String name;
  private Type type;
  private Dim[] contents;
  private final Operation producer;
  private final int resultIndex;
  private final Weight weight;
  private final List<Use> uses = new ArrayList<>();

  private Value(String name, Type type, Operation producer, int resultIndex, Weight weight) {
    this.name = name;
    this.type = type;
    this.producer = producer;
    this.resultIndex = resultIndex;
    this.weight = weight;
  }

  static Value argument(String name, Type type) {
    return new Value(name, type, null, -1, null);
  }

  static Value result(String name, Type type, Operation producer, int index) {
    return new Value(name, type, producer, index, null);
  }

  static Value ofWeight(Weight weight) {
    return new Value(weight.name(), weight.type(), null, -1, weight);
  }

  /** The name hint; the printer makes it unique within a stage. */
  public String name() {
    return name;
  }

  public void rename(String newName) {
    name = newName;
  }

  public Type type() {
    return type;
  }

  /** The type as a tensor's; an error where it is something else. */
  public TensorType tensorType() {
    if (type instanceof TensorType t) {
      return t;
    }
    throw new IrException("%" + name + " is " + type.text() + ", a tensor is expected here");
  }

  public void setType(Type newType) {
    type = newType;
  }

  /**
   * The elements of a small integer tensor as expressions over symbolic dimensions, or null where they aren't known.
   * Shape arithmetic is folded by them.
   */
  public Dim[] contents() {
    return contents;
  }

  public void setContents(Dim[] newContents) {
    contents = newContents;
  }

  /** The operation that computes this value; null for arguments and weights. */
  public Operation producer() {
    return producer;
  }

  public int resultIndex() {
    return resultIndex;
  }

  /** The weight this value stands for, or null. */
  public Weight weight() {
    return weight;
  }

  public boolean isArgument() {
    return producer == null && weight == null;
  }

  /** The constant's elements where the producer is a constant, else null. */
  public Tensor constant() {
    if (producer != null && producer.attribute("value") instanceof Attribute.Dense d
        && producer.definition().has(Trait.CONSTANT)) {
      return d.value();
    }
    return null;
  }

  public List<Use> uses() {
    return Collections.unmodifiableList(uses);
  }

  void addUse(Operation user, int index) {
    uses.add(new Use(user, index));
  }

  /** Looks from both ends: who removes many operations, or redirects many uses, goes through them in order. */
  void removeUse(Operation user, int index) {
    for (int i = 0, j = uses.size() - 1; i <= j; i++, j--) {
      if (isUse(i, user, index) || isUse(j, user, index)) {
        uses.remove(isUse(i, user, index) ? i : j);
        return;
      }
    }
    throw new IllegalStateException("no such use of %" + name);
  }

  private boolean isUse(int i, Operation user, int index) {
    return uses.get(i).user() == user && uses.get(i).index() == index;
  }

  @Override
  public String toString() {
    return (weight != null ? "@" : "%") + name + " : " + type.text();
  }
}
