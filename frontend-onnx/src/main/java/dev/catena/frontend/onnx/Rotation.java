package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Tensor;
import dev.catena.ir.Value;
import java.util.List;
import java.util.Map;

/** Rotary positions as ONNX Runtime's operations take them: tables [positions, rotated / 2], the first columns turn. */
final class Rotation {
  private final StageBuilder out;
  private final Value cos;
  private final Value sin;
  private final long rotated;
  private final boolean interleaved;

  /** @param positions [batch, rows], rows of both tables */
  Rotation(StageBuilder out, Value cos, Value sin, Value positions, boolean interleaved) {
    this.out = out;
    this.interleaved = interleaved;
    if (cos.tensorType().rank() != 2 || !cos.type().equals(sin.type()) || !cos.tensorType().dim(1).isKnown()) {
      throw out.broken("has tables " + cos.tensorType().text() + " and " + sin.tensorType().text()
          + "; they must be [positions, half of the rotated size] both");
    }
    rotated = Math.multiplyExact(2, cos.tensorType().dim(1).value());
    this.cos = forHeads(out.append("Gather", cos, positions));
    this.sin = forHeads(out.append("Gather", sin, positions));
  }

  /** @param cos cosines of the rows themselves, [batch, rows, rotated / 2], as the sines are */
  Rotation(StageBuilder out, Value cos, Value sin, boolean interleaved) {
    this.out = out;
    this.interleaved = interleaved;
    rotated = Math.multiplyExact(2, cos.tensorType().dim(-1).value());
    this.cos = forHeads(cos);
    this.sin = forHeads(sin);
  }

  /** Whether cosines and sines are picked for each row already, and how many columns turn is known. */
  static boolean isPicked(Value cos, Value sin) {
    return cos.tensorType().rank() == 3 && cos.type().equals(sin.type()) && cos.tensorType().dim(-1).isKnown();
  }

  /** The rows' angles with an axis for heads; of pairs that are neighbours each angle twice, for both of them. */
  private Value forHeads(Value angles) {
    Value rows = angles;
    if (interleaved) {
      Value column = out.append("Unsqueeze", rows, integers(3));
      rows = out.append("Reshape", joined(column, column), integers(0, 0, rotated));
    }
    return out.append("Unsqueeze", rows, integers(2));
  }

  /** The heads [batch, rows, heads, size] turned. */
  Value of(Value heads, long size) {
    if (rotated > size || rotated == 0) {
      throw out.broken("turns " + rotated + " of a head's " + size + " columns");
    }
    if (rotated == size) {
      return turn(heads);
    }
    List<Value> parts = split(heads, rotated, size - rotated);
    return joined(turn(parts.get(0)), parts.get(1));
  }

  private Value turn(Value x) {
    if (!interleaved) {
      List<Value> halves = split(x, rotated / 2, rotated / 2);
      return joined(low(halves.get(0), halves.get(1)), high(halves.get(0), halves.get(1)));
    }
    Value even = out.append("Slice", x, integers(0), integers(rotated), integers(3), integers(2));
    Value odd = out.append("Slice", x, integers(1), integers(rotated), integers(3), integers(2));
    Value pairs = out.append("Reshape", joined(column(out.append("Neg", odd)), column(even)), out.append("Shape", x));
    return out.append("Add", out.append("Mul", x, cos), out.append("Mul", pairs, sin));
  }

  private Value low(Value low, Value high) {
    return out.append("Sub", out.append("Mul", low, cos), out.append("Mul", high, sin));
  }

  private Value high(Value low, Value high) {
    return out.append("Add", out.append("Mul", high, cos), out.append("Mul", low, sin));
  }

  private Value column(Value x) {
    return out.append("Unsqueeze", x, integers(4));
  }

  private List<Value> split(Value x, long first, long second) {
    return out.append("Split", List.of(x, integers(first, second)), Map.of("axis", Attribute.of(-1)), 2).results();
  }

  private Value joined(Value... parts) {
    return out.append("Concat", List.of(parts), Map.of("axis", Attribute.of(-1)), 1).result();
  }

  private Value integers(long... values) {
    return out.constant(Tensor.i64(values, values.length), "sizes");
  }
}
