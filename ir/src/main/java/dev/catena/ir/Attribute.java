package dev.catena.ir;

import java.util.List;
import java.util.Map;

/** A compile-time property of an operation or a stage. */
public sealed interface Attribute {
  record Int(long value) implements Attribute {}

  record Real(double value) implements Attribute {}

  record Flag(boolean value) implements Attribute {}

  record Text(String value) implements Attribute {}

  record Ints(List<Long> values) implements Attribute {
    public Ints {
      values = List.copyOf(values);
    }
  }

  record Reals(List<Double> values) implements Attribute {
    public Reals {
      values = List.copyOf(values);
    }
  }

  record Texts(List<String> values) implements Attribute {
    public Texts {
      values = List.copyOf(values);
    }
  }

  /** An element type, as {@code onnx.Cast}'s target. */
  record Element(ElementType value) implements Attribute {}

  /** A small constant tensor, printed inline. */
  record Dense(Tensor value) implements Attribute {}

  /** What a kind of attribute holds, for messages and the reference page. */
  static String describe(Class<? extends Attribute> kind) {
    return Map.of(Int.class, "an integer", Real.class, "a real number", Flag.class, "true or false", Text.class, "a text",
        Ints.class, "a list of integers", Reals.class, "a list of reals", Texts.class, "a list of texts", Element.class,
        "an element type", Dense.class, "a constant").get(kind);
  }

  static Attribute of(long value) {
    return new Int(value);
  }

  static Attribute of(double value) {
    return new Real(value);
  }

  static Attribute of(String value) {
    return new Text(value);
  }

  static Attribute of(boolean value) {
    return new Flag(value);
  }

  static Attribute ints(long... values) {
    return new Ints(java.util.Arrays.stream(values).boxed().toList());
  }
}
