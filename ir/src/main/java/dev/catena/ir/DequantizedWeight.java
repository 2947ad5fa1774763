package dev.catena.ir;

import java.util.Arrays;

/**
 * A matrix of whole numbers seen as real ones, as ONNX's DequantizeLinear defines them: (code − zero) · scale. Its codes and
 * scales can be had as they are ({@link KeptCodes}).
 */
public final class DequantizedWeight implements WeightData {
  private final WeightData codes;
  private final WeightData scales;
  private final WeightData zeros;
  private final int axis;
  private final long block;
  private final TensorType type;

  /**
   * @param codes  u8, i8, u4 or i4, {@code [rows, columns]}
   * @param scales one for all; or along {@code axis} one for each {@code block} of indices, the other axis whole: a vector
   *     where {@code block} is 0 (a scale for each index), else a matrix with the other axis as long as the codes' own
   * @param zeros  as many as scales, of the codes' type, or null: 0
   */
  public DequantizedWeight(WeightData codes, WeightData scales, WeightData zeros, int axis, long block) {
    this.codes = codes;
    this.scales = scales;
    this.zeros = zeros;
    this.axis = axis;
    this.block = block;
    TensorType t = codes.tensorType();
    boolean bytes = switch (t.element()) {
      case U8, I8, U4, I4 -> true;
      default -> false;
    };
    if (!bytes || t.rank() != 2 || axis < 0 || axis > 1 || block < 0 || t.elements().is(0)) {
      throw new IrException("codes are a matrix of u8, i8, u4 or i4, not " + t.text());
    }
    type = new TensorType(scales.tensorType().element(), t.shape());
    requireScales(scales, t);
    if (!type.element().isFloat()) {
      throw new IrException("scales are real numbers, not " + scales.tensorType().text());
    }
    if (zeros != null && (zeros.tensorType().element() != t.element()
        || !Arrays.equals(zeros.tensorType().staticShape(), scales.tensorType().staticShape()))) {
      throw new IrException("zero points are " + zeros.tensorType().text() + " for codes " + t.text() + " and scales "
          + scales.tensorType().text());
    }
  }

  private void requireScales(WeightData s, TensorType t) {
    long[] shape = s.tensorType().staticShape();
    if (block == 0 && Tensor.count(shape) == 1 && shape.length <= 1) {
      return;
    }
    long[] wanted = block == 0 ? new long[] {t.dim(axis).value()} : t.staticShape();
    if (block > 0) {
      wanted[axis] = (wanted[axis] + block - 1) / block;
    }
    if (!Arrays.equals(shape, wanted)) {
      throw new IrException("scales are " + s.tensorType().text() + " for codes " + t.text() + ", expected "
          + Arrays.toString(wanted));
    }
  }

  ElementType code() {
    return codes.tensorType().element();
  }

  /** Whether one scale covers {@code along} whole: it is the same for every index of that axis. */
  boolean constantAlong(int along) {
    return block == 0 && (scales.tensorType().elements().is(1) || axis != along);
  }

  /** Indices of {@code along} that share a scale, as far as the other axis stands still. */
  long together(int along) {
    return constantAlong(along) ? type.dim(along).value() : axis != along ? type.dim(along).value() : Math.max(1, block);
  }

  boolean hasZeros() {
    return zeros != null;
  }

  /** The codes of a block, row-major. */
  float[] readCodes(long[] start, long[] extent) {
    float[] into = new float[Tensor.count(extent)];
    codes.read(start, extent, into, 0);
    return into;
  }

  /** Scales of all elements of a block, row-major. */
  float[] readScales(long[] start, long[] extent) {
    return spread(scales, start, extent);
  }

  /** Zero points of all elements of a block, row-major. */
  float[] readZeros(long[] start, long[] extent) {
    return zeros == null ? new float[Tensor.count(extent)] : spread(zeros, start, extent);
  }

  private float[] spread(WeightData some, long[] start, long[] extent) {
    int rows = Math.toIntExact(extent[0]);
    int columns = Math.toIntExact(extent[1]);
    float[] all = new float[Math.multiplyExact(rows, columns)];
    long[] shape = some.tensorType().staticShape();
    if (block == 0) {
      boolean single = some.tensorType().elements().is(1);
      long[] from = new long[shape.length];
      long[] count = shape.clone();
      if (!single) {
        from[0] = start[axis];
        count[0] = extent[axis];
      }
      float[] vector = new float[single ? 1 : Math.toIntExact(count[0])];
      some.read(from, count, vector, 0);
      for (int i = 0; i < all.length; i++) {
        all[i] = vector[single ? 0 : axis == 0 ? i / columns : i % columns];
      }
      return all;
    }
    long[] from = start.clone();
    long[] count = extent.clone();
    from[axis] = start[axis] / block;
    count[axis] = (start[axis] + extent[axis] - 1) / block - from[axis] + 1;
    float[] blocks = new float[Tensor.count(count)];
    some.read(from, count, blocks, 0);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        long b = axis == 0 ? ((start[0] + r) / block - from[0]) * columns + c
            : r * count[1] + (start[1] + c) / block - from[1];
        all[r * columns + c] = blocks[Math.toIntExact(b)];
      }
    }
    return all;
  }

  @Override
  public TensorType type() {
    return type;
  }

  @Override
  public void read(long[] start, long[] extent, float[] into, int at) {
    float[] c = readCodes(start, extent);
    float[] s = readScales(start, extent);
    float[] z = readZeros(start, extent);
    for (int i = 0; i < c.length; i++) {
      into[at + i] = HalfFloat.round((c[i] - z[i]) * s[i], type.element());
    }
  }

  @Override
  public String hash() {
    return Hashes.of("dequantize", Integer.toString(axis), Long.toString(block), codes.hash(), scales.hash(),
        zeros == null ? "" : zeros.hash());
  }

  @Override
  public String text() {
    return "dequantize(" + codes.text() + ", " + scales.text() + (zeros == null ? "" : ", " + zeros.text()) + ", [" + axis + ", "
        + block + "])";
  }
}
