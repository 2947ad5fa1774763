package dev.catena.ir;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * The one declaration of an operation: operands, results, attributes, traits, shape function, meaning and one line of
 * doc. Printer, verifier, shape inference and evaluator all read it.
 */
public final class OpDefinition {
  /** Computes the types (and, for shape arithmetic, the contents) of the results. */
  @FunctionalInterface
  public interface ShapeFunction {
    List<Inferred> infer(Operation operation);
  }

  /** The meaning in plain Java: slow and obviously right. Absent optional operands are null. */
  @FunctionalInterface
  public interface Meaning {
    List<EvalValue> evaluate(Operation operation, List<EvalValue> operands);
  }

  /** What the operation gives when its first operand is a weight: a view of the weight's data that is read later. */
  @FunctionalInterface
  public interface WeightView {
    WeightData of(Operation operation, WeightData data);
  }

  /** Gives the arguments of an operation's regions their types and infers what is inside. */
  @FunctionalInterface
  public interface RegionTypes {
    void infer(Operation operation);
  }

  /** How many values an operand or result position takes. */
  public enum Arity { ONE, OPTIONAL, VARIADIC }

  /**
   * One operand or result position.
   *
   * @param consumed the operation writes over the value: it is the last to read it, and gives the next version
   */
  public record OperandSpec(String name, Arity arity, boolean consumed) {
    OperandSpec(String name, Arity arity) {
      this(name, arity, false);
    }
  }

  /** One attribute; {@code kind} is a record of {@link Attribute}. */
  public record AttributeSpec(String name, Class<? extends Attribute> kind, boolean required, Attribute byDefault) {}

  /** The type of one result, with its symbolic contents where they are known, else null. */
  public record Inferred(Type type, Dim[] contents) {
    public static Inferred of(Type type) {
      return new Inferred(type, null);
    }
  }

  private final String name;
  private final String doc;
  private final List<OperandSpec> operands;
  private final List<OperandSpec> results;
  private final Map<String, AttributeSpec> attributes;
  private final List<String> regions;
  private final Set<Trait> traits;
  private final ShapeFunction shape;
  private final Meaning meaning;
  private final WeightView weightView;
  private final RegionTypes regionTypes;

  private OpDefinition(Builder b) {
    name = b.name;
    doc = b.doc;
    operands = List.copyOf(b.operands);
    results = b.results.isEmpty() ? List.of(new OperandSpec("result", Arity.ONE)) : List.copyOf(b.results);
    attributes = Collections.unmodifiableMap(new LinkedHashMap<>(b.attributes));
    regions = List.copyOf(b.regions);
    traits = Collections.unmodifiableSet(EnumSet.copyOf(b.traits));
    shape = Objects.requireNonNull(b.shape, () -> b.name + " has no shape function");
    meaning = b.meaning;
    weightView = b.weightView;
    regionTypes = b.regionTypes;
  }

  /** The full name, dialect first: {@code nn.rms_norm}. */
  public String name() {
    return name;
  }

  public String dialect() {
    return name.substring(0, name.indexOf('.'));
  }

  public String doc() {
    return doc;
  }

  public List<OperandSpec> operands() {
    return operands;
  }

  /** Whether the last operand position takes any number of values. */
  public boolean isVariadic() {
    return operands.stream().anyMatch(o -> o.arity() == Arity.VARIADIC);
  }

  public List<OperandSpec> results() {
    return results;
  }

  public Map<String, AttributeSpec> attributes() {
    return attributes;
  }

  /** Names of the blocks inside; each takes the operands of the last, variadic position as its arguments. */
  public List<String> regions() {
    return regions;
  }

  public Set<Trait> traits() {
    return traits;
  }

  public boolean has(Trait trait) {
    return traits.contains(trait);
  }

  public ShapeFunction shape() {
    return shape;
  }

  /** The evaluator's meaning, or null for operations that only code generators carry out. */
  public Meaning meaning() {
    return meaning;
  }

  /** How the operation becomes part of a weight, or null where it can't. */
  public WeightView weightView() {
    return weightView;
  }

  /** How regions' arguments get their types, or null where each has its operand's. */
  public RegionTypes regionTypes() {
    return regionTypes;
  }

  @Override
  public String toString() {
    return name;
  }

  public static Builder named(String name, String doc) {
    return new Builder(name, doc);
  }

  /** Collects a declaration; see {@link OpDefinition#named}. */
  public static final class Builder {
    private final String name;
    private final String doc;
    private final List<OperandSpec> operands = new ArrayList<>();
    private final List<OperandSpec> results = new ArrayList<>();
    private final Map<String, AttributeSpec> attributes = new LinkedHashMap<>();
    private final List<String> regions = new ArrayList<>();
    private final EnumSet<Trait> traits = EnumSet.noneOf(Trait.class);
    private ShapeFunction shape;
    private Meaning meaning;
    private WeightView weightView;
    private RegionTypes regionTypes;

    private Builder(String name, String doc) {
      this.name = name;
      this.doc = doc;
    }

    public Builder operand(String operand) {
      operands.add(new OperandSpec(operand, Arity.ONE));
      return this;
    }

    /** An operand that the operation writes over: a version of a cache. */
    public Builder consumed(String operand) {
      operands.add(new OperandSpec(operand, Arity.ONE, true));
      return this;
    }

    public Builder optional(String operand) {
      operands.add(new OperandSpec(operand, Arity.OPTIONAL));
      return this;
    }

    public Builder variadic(String operand) {
      operands.add(new OperandSpec(operand, Arity.VARIADIC));
      return this;
    }

    public Builder result(String result) {
      results.add(new OperandSpec(result, Arity.ONE));
      return this;
    }

    public Builder results(String result) {
      results.add(new OperandSpec(result, Arity.VARIADIC));
      return this;
    }

    public Builder attribute(String attribute, Class<? extends Attribute> kind) {
      attributes.put(attribute, new AttributeSpec(attribute, kind, true, null));
      return this;
    }

    /** An attribute that may be left out; {@code byDefault} may be null. */
    public Builder attribute(String attribute, Class<? extends Attribute> kind, Attribute byDefault) {
      attributes.put(attribute, new AttributeSpec(attribute, kind, false, byDefault));
      return this;
    }

    /** A block inside the operation. */
    public Builder region(String region) {
      regions.add(region);
      return this;
    }

    public Builder traits(Trait... some) {
      traits.addAll(List.of(some));
      return this;
    }

    public Builder shape(ShapeFunction function) {
      shape = function;
      return this;
    }

    public Builder meaning(Meaning function) {
      meaning = function;
      return this;
    }

    public Builder weightView(WeightView view) {
      weightView = view;
      return this;
    }

    /** Regions whose arguments aren't just the operands: what goes round in a loop may change its size. */
    public Builder regionTypes(RegionTypes types) {
      regionTypes = types;
      return this;
    }

    public OpDefinition build() {
      return new OpDefinition(this);
    }
  }
}
