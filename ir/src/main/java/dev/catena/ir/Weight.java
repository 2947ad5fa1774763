package dev.catena.ir;

/** A named constant of the module whose elements stay outside the heap until somebody streams them. */
public final class Weight {
  private String name;
  private final WeightData data;
  private final Value value;

  Weight(String name, WeightData data) {
    this.name = name;
    this.data = data;
    this.value = Value.ofWeight(this);
  }

  public String name() {
    return name;
  }

  void rename(String newName) {
    name = newName;
    value.rename(newName);
  }

  public Type type() {
    return data.type();
  }

  public WeightData data() {
    return data;
  }

  /** The value by which operations refer to this weight. */
  public Value value() {
    return value;
  }
}
