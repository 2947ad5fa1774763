package dev.catena.frontend.onnx;

import dev.catena.ir.DequantizedWeight;
import dev.catena.ir.ElementType;
import dev.catena.ir.IrException;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.List;

/**
 * Constants that came quantized become weights of real numbers that remember their codes ({@link DequantizedWeight}): every
 * pass sees a matrix like any other, and the one that chooses the storage finds codes and scales as they were.
 */
final class QuantizedConstants {
  private final StageBuilder out;
  private final WeightPool weights;

  QuantizedConstants(StageBuilder out, WeightPool weights) {
    this.out = out;
    this.weights = weights;
  }

  /**
   * DequantizeLinear of a constant, or of rows that Gather takes from one.
   *
   * @return null where it is of something else, and stays an operation
   */
  Value dequantizeLinear(OnnxGraph.Node node, List<Value> in) {
    Value x = in.isEmpty() ? null : in.get(0);
    WeightData scale = in.size() < 2 ? null : data(in.get(1));
    Value zero = in.size() < 3 ? null : in.get(2);
    if (x == null || scale == null || zero != null && data(zero) == null) {
      return null;
    }
    WeightData zeros = zero == null ? null : data(zero);
    int axis = Math.toIntExact(integer(node, "axis", 1));
    long block = integer(node, "block_size", 0);
    WeightData codes = data(x);
    if (codes != null) {
      return dequantized(node.input(0), codes, scale, zeros, axis, block);
    }
    Operation gather = x.producer();
    boolean rows = gather != null && gather.is("onnx.Gather") && gather.intAttribute("axis") == 0
        && scale.tensorType().elements().is(1);
    WeightData table = rows ? data(gather.operand(0)) : null;
    if (table == null) {
      return null;
    }
    Value whole = dequantized(gather.operand(0).name(), table, scale, zeros, axis, 0);
    return whole == null ? null
        : out.append("Gather", List.of(whole, gather.operand(1)), gather.attributes(), 1).result();
  }

  /**
   * The matrix as real numbers.
   *
   * @param axis of the scales; negative ones count from the end
   * @return null where it isn't a matrix or vector of such codes
   */
  Value dequantized(String name, WeightData codes, WeightData scales, WeightData zeros, int axis, long block) {
    TensorType t = codes.tensorType();
    if (t.rank() == 1 || t.rank() == 0) {
      return block != 0 ? null : vector(name, codes, scales, zeros);
    }
    boolean bytes = t.element() == ElementType.I8 || t.element() == ElementType.U8 || t.element() == ElementType.I4
        || t.element() == ElementType.U4;
    int along = axis < 0 ? axis + t.rank() : axis;
    if (t.rank() != 2 || !bytes || !scales.tensorType().element().isFloat()) {
      return null;
    }
    WeightData alike = zeros == null || !zeros.tensorType().elements().is(1) || scales.tensorType().elements().is(1)
        ? withoutZero(zeros, t.element()) : withoutZero(repeated(zeros, scales.tensorType()), t.element());
    try {
      return weights.add(name + ".dequantized",
          new DequantizedWeight(codes, scales, shaped(alike, scales), along, block)).value();
    } catch (IrException e) {
      throw out.broken("is inconsistent: " + e.getMessage());
    }
  }

  /** Zero points of signed codes that are all 0 say nothing; null then. */
  private static WeightData withoutZero(WeightData zeros, ElementType element) {
    if (zeros == null || element == ElementType.U8 || element == ElementType.U4 || zeros.tensorType().rank() > 1) {
      return zeros;
    }
    Tensor all = zeros.tensor();
    for (int i = 0; i < all.size(); i++) {
      if (all.getLong(i) != 0) {
        return zeros;
      }
    }
    return null;
  }

  /** A scalar and a vector of one element are the same to ONNX. */
  private static WeightData shaped(WeightData zeros, WeightData scales) {
    boolean differ = zeros != null && zeros.tensorType().rank() != scales.tensorType().rank()
        && zeros.tensorType().elements().is(1) && scales.tensorType().elements().is(1);
    return differ ? repeated(zeros, scales.tensorType()) : zeros;
  }

  private static WeightData repeated(WeightData single, TensorType like) {
    Tensor many = new Tensor(single.tensorType().element(), like.staticShape());
    long value = single.tensor().getLong(0);
    for (int i = 0; i < many.size(); i++) {
      many.setLong(i, value);
    }
    return new LiteralWeight(many);
  }

  /** A bias or a single number: computed here, it is small. */
  private Value vector(String name, WeightData codes, WeightData scales, WeightData zeros) {
    Tensor c = codes.tensor();
    Tensor s = scales.tensor();
    Tensor z = zeros == null ? null : zeros.tensor();
    if (c.element().isFloat() || s.size() != 1 && s.size() != c.size() || z != null && z.size() != s.size()) {
      throw out.broken("is inconsistent: codes " + codes.tensorType().text() + ", scales " + scales.tensorType().text());
    }
    Tensor values = new Tensor(s.element(), c.shape());
    for (int i = 0; i < c.size(); i++) {
      int own = s.size() == 1 ? 0 : i;
      values.set(i, (float) (c.getLong(i) - (z == null ? 0 : z.getLong(own))) * (float) s.get(own));
    }
    return c.shape().length == 0 ? out.constant(values, name)
        : weights.add(name + ".dequantized", new LiteralWeight(values)).value();
  }

  /** A constant's elements, or null where the value is computed. */
  static WeightData data(Value v) {
    return v == null ? null : v.weight() != null ? v.weight().data()
        : v.constant() != null && v.constant().element() != ElementType.STRING ? new LiteralWeight(v.constant()) : null;
  }

  private static long integer(OnnxGraph.Node node, String name, long otherwise) {
    OnnxAttribute a = node.attributes().get(name);
    return a == null || a.type() != OnnxAttribute.Type.INTEGER ? otherwise : a.integer();
  }
}
