package dev.catena.ir;

import java.util.List;

/**
 * A matrix {@code [rows, columns]} stored as unsigned codes with a scale for each row and group of columns:
 * value = (code − zero) · scale. {@code quant<u4, group 128, scale f16, zero u4, [6144, 4096]>}.
 *
 * @param code    {@code U8}, {@code U4}, {@code U3} or {@code U2}
 * @param group   columns that share a scale; a row whose length isn't a multiple ends in a shorter group
 * @param scale   element type of the scales
 * @param zero    element type of the zero points, or {@code null}: symmetric, every zero is half of the code range
 */
public record QuantType(ElementType code, long group, ElementType scale, ElementType zero, List<Dim> shape)
    implements Type {
  public QuantType {
    shape = List.copyOf(shape);
  }

  public long rows() {
    return shape.get(0).value();
  }

  public long columns() {
    return shape.get(1).value();
  }

  /** Groups in a row, the last one possibly shorter. */
  public long groups() {
    return (columns() + group - 1) / group;
  }

  /** The zero point of a symmetric matrix. */
  public int symmetricZero() {
    return 1 << (code.bits() - 1);
  }

  /** Bytes of codes, scales and zero points as the type states them, without any layout's padding. */
  public long bytes() {
    long perGroup = scale.bits() + (zero == null ? 0 : zero.bits());
    return (rows() * columns() * code.bits() + rows() * groups() * perGroup + 7) / 8;
  }

  @Override
  public String text() {
    return "quant<" + code.keyword() + ", group " + group + ", scale " + scale.keyword()
        + (zero == null ? "" : ", zero " + zero.keyword()) + ", " + TensorType.shapeText(shape) + ">";
  }

  @Override
  public String toString() {
    return text();
  }
}
