package dev.catena.ir;

/**
 * Where a weight's elements come from: a place in a file, or a view of other data. Nothing is read until a block is
 * asked for. Implementations are safe for use by several threads.
 */
public interface WeightData {
  /** A static {@link TensorType}, or a {@link QuantType}. */
  Type type();

  /**
   * Reads a block as f32, row-major.
   *
   * @param start  first index along each axis
   * @param extent number of indices along each axis
   * @param into   receives the block from {@code at} on
   */
  void read(long[] start, long[] extent, float[] into, int at);

  /** SHA-256 over a canonical description of the content, in hex: equal content from equal sources hashes equally. */
  String hash();

  /** The origin as the text form prints it. */
  String text();

  /** All elements in the heap (quantized data dequantized to f32); for the evaluator and for small weights. */
  default Tensor tensor() {
    TensorType t = tensorType();
    long[] shape = t.staticShape();
    Tensor whole = new Tensor(t.element(), shape);
    read(new long[shape.length], shape, whole.floats(), 0);
    return whole;
  }

  /** The type as a tensor's. */
  default TensorType tensorType() {
    if (type() instanceof TensorType t) {
      return t;
    }
    throw new IrException("a weight of type " + type().text() + " isn't a plain tensor");
  }
}
