package dev.catena.ir;

/** A view with every element rounded to another float type. */
public final class CastWeight implements WeightData {
  private final WeightData base;
  private final TensorType type;

  public CastWeight(WeightData base, ElementType to) {
    if (!to.isFloat()) {
      throw new IrException("a weight can't be cast to " + to.keyword());
    }
    this.base = base;
    this.type = base.tensorType().withElement(to);
  }

  /** The data rounded to {@code to}; rounding what was only widened before gives the original back. */
  public static WeightData of(WeightData data, ElementType to) {
    if (data.tensorType().element() == to) {
      return data;
    }
    boolean widened = data instanceof CastWeight c && (c.type.element() == ElementType.F32 || c.type.element() == ElementType.F64)
        && c.base.tensorType().element() == to;
    return widened ? ((CastWeight) data).base : new CastWeight(data, to);
  }

  public WeightData base() {
    return base;
  }

  @Override
  public TensorType type() {
    return type;
  }

  @Override
  public void read(long[] start, long[] extent, float[] into, int at) {
    base.read(start, extent, into, at);
    if (type.element().bits() < 32) {
      int n = Tensor.count(extent);
      for (int i = at; i < at + n; i++) {
        into[i] = NarrowFloat.round(into[i], type.element());
      }
    }
  }

  @Override
  public String hash() {
    return Hashes.of("cast", type.element().keyword(), base.hash());
  }

  @Override
  public String text() {
    return "cast(" + base.text() + ", " + type.element().keyword() + ")";
  }
}
