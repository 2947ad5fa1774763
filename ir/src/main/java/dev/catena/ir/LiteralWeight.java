package dev.catena.ir;

/** A tensor that a pass computed: too large to print inline, small enough to keep in the heap. */
public final class LiteralWeight implements WeightData {
  /** Larger ones are named by their hash alone. */
  private static final int MOST_PRINTED = 256;

  private final Tensor value;
  private final String hash;

  public LiteralWeight(Tensor value) {
    if (value.element() == ElementType.STRING) {
      throw new IrException("expected numbers in a weight, found texts");
    }
    this.value = value;
    StringBuilder bits = new StringBuilder();
    for (int i = 0; i < value.size(); i++) {
      bits.append(value.element().isFloat() ? Double.doubleToLongBits(value.get(i)) : value.getLong(i)).append(',');
    }
    this.hash = Hashes.of("literal", value.type().text(), bits.toString());
  }

  @Override
  public TensorType type() {
    return value.type();
  }

  @Override
  public void read(long[] start, long[] extent, float[] into, int at) {
    long[] shape = value.shape();
    int n = Tensor.count(extent);
    long[] index = new long[shape.length];
    for (int o = 0; o < n; o++) {
      long linear = 0;
      for (int i = 0; i < shape.length; i++) {
        linear = linear * shape[i] + start[i] + index[i];
      }
      into[at + o] = (float) value.get((int) linear);
      for (int a = shape.length - 1; a >= 0 && ++index[a] == extent[a]; a--) {
        index[a] = 0;
      }
    }
  }

  @Override
  public Tensor tensor() {
    return value;
  }

  @Override
  public String hash() {
    return hash;
  }

  @Override
  public String text() {
    return value.size() <= MOST_PRINTED ? Printer.dense(value) : "computed()";
  }
}
