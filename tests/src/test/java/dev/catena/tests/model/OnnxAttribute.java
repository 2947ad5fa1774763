package dev.catena.tests.model;

/** An attribute of a node: a number, a list of numbers, a text, a tensor, or a graph. */
public record OnnxAttribute(String name, Object value) {
  public static OnnxAttribute of(String name, long value) {
    return new OnnxAttribute(name, value);
  }

  public static OnnxAttribute of(String name, float value) {
    return new OnnxAttribute(name, value);
  }

  public static OnnxAttribute of(String name, String value) {
    return new OnnxAttribute(name, value);
  }

  public static OnnxAttribute ints(String name, long... values) {
    return new OnnxAttribute(name, values);
  }

  public static OnnxAttribute reals(String name, float... values) {
    return new OnnxAttribute(name, values);
  }

  public static OnnxAttribute texts(String name, String... values) {
    return new OnnxAttribute(name, values);
  }

  /** A graph inside a node: a branch of an If. */
  public static OnnxAttribute graph(String name, OnnxGraphWriter value) {
    return new OnnxAttribute(name, value);
  }

  public static OnnxAttribute tensor(String name, OnnxContent value) {
    return new OnnxAttribute(name, value);
  }
}
