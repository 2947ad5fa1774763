package dev.catena.ir;

import java.util.List;
import java.util.stream.Collectors;

/** A dense tensor: {@code tensor<f16, [?tokens, 4096]>}. A scalar has an empty shape. */
public record TensorType(ElementType element, List<Dim> shape) implements Type {
  public TensorType {
    shape = List.copyOf(shape);
  }

  public static TensorType of(ElementType element, long... shape) {
    return new TensorType(element, Dim.list(shape));
  }

  public int rank() {
    return shape.size();
  }

  /** Dimension {@code axis}; negative axes count from the end. */
  public Dim dim(int axis) {
    return shape.get(axis < 0 ? axis + shape.size() : axis);
  }

  public boolean isStatic() {
    return shape.stream().allMatch(Dim::isKnown);
  }

  /** The number of elements as an expression. */
  public Dim elements() {
    Dim n = Dim.of(1);
    for (Dim d : shape) {
      n = n.times(d);
    }
    return n;
  }

  /** The shape of a static tensor. */
  public long[] staticShape() {
    return shape.stream().mapToLong(Dim::value).toArray();
  }

  public TensorType withElement(ElementType other) {
    return new TensorType(other, shape);
  }

  public TensorType withShape(List<Dim> other) {
    return new TensorType(element, other);
  }

  @Override
  public String text() {
    return "tensor<" + element.keyword() + ", " + shapeText(shape) + ">";
  }

  static String shapeText(List<Dim> shape) {
    return shape.stream().map(Dim::toString).collect(Collectors.joining(", ", "[", "]"));
  }

  @Override
  public String toString() {
    return text();
  }
}
