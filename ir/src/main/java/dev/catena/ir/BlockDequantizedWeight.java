package dev.catena.ir;

import java.util.Arrays;

/**
 * What codes in blocks along any axis of a tensor of any rank mean, (code − zero) · scale, as GatherBlockQuantized has them (ONNX
 * Runtime, docs/ContribOperators.md). Several codes may lie in a byte, neighbours of the last axis, the first in the low bits.
 */
public final class BlockDequantizedWeight implements WeightData {
  private final WeightData codes;
  private final int bits;
  private final WeightData scales;
  private final WeightData zeros;
  private final int axis;
  private final long block;
  private final TensorType type;

  /**
   * @param codes  u4 or i4, or u8 that hold 8 / bits codes each
   * @param scales as the codes, with {@code axis} in blocks, the last of which may be shorter
   * @param zeros  as many, held as the codes are, or null: 0, and half of the code range for u8
   */
  public BlockDequantizedWeight(WeightData codes, int bits, WeightData scales, WeightData zeros, int axis, long block) {
    this.codes = codes;
    this.bits = bits;
    this.scales = scales;
    this.zeros = zeros;
    this.axis = axis;
    this.block = block;
    long[] shape = codes.tensorType().staticShape();
    int last = shape.length - 1;
    shape[last] = Math.multiplyExact(shape[last], perElement());
    type = TensorType.of(scales.tensorType().element(), shape);
    long[] blocks = shape.clone();
    blocks[axis] = (shape[axis] + block - 1) / block;
    long[] heldZeros = blocks.clone();
    heldZeros[last] = (blocks[last] + perElement() - 1) / perElement();
    if (!type.element().isFloat() || !Arrays.equals(scales.tensorType().staticShape(), blocks)) {
      throw new IrException("scales are " + scales.tensorType().text() + " for codes " + codes.tensorType().text() + " in blocks of " + block
          + " along axis " + axis + ", expected " + Arrays.toString(blocks));
    }
    if (zeros != null && (zeros.tensorType().element() != codes.tensorType().element()
        || !Arrays.equals(zeros.tensorType().staticShape(), heldZeros))) {
      throw new IrException("zero points are " + zeros.tensorType().text() + " for codes " + codes.tensorType().text() + ", expected "
          + Arrays.toString(heldZeros));
    }
  }

  private boolean inBytes() {
    return codes.tensorType().element() == ElementType.U8;
  }

  private int perElement() {
    return inBytes() ? 8 / bits : 1;
  }

  @Override
  public TensorType type() {
    return type;
  }

  @Override
  public void read(long[] start, long[] extent, float[] into, int at) {
    int last = start.length - 1;
    int width = Math.toIntExact(extent[last]);
    float[] rowCodes = new float[width];
    float[] rowScales = new float[width];
    float[] rowZeros = new float[width];
    Arrays.fill(rowZeros, zeros == null && inBytes() ? 1 << bits - 1 : 0);
    long[] row = start.clone();
    for (int o = at; row != null; row = following(row, start, extent)) {
      codes(codes, row, width, 1, rowCodes);
      long every = axis == last ? block : 1;
      long[] first = row.clone();
      first[axis] = axis == last ? row[axis] : row[axis] / block;
      plain(scales, first, width, every, rowScales);
      if (zeros != null) {
        codes(zeros, first, width, every, rowZeros);
      }
      for (int i = 0; i < width; i++) {
        into[o++] = (rowCodes[i] - rowZeros[i]) * rowScales[i];
      }
    }
  }

  /** The next row of a block, null behind the last. */
  private static long[] following(long[] row, long[] start, long[] extent) {
    for (int axis = row.length - 2; axis >= 0; axis--) {
      if (++row[axis] < start[axis] + extent[axis]) {
        return row;
      }
      row[axis] = start[axis];
    }
    return null;
  }

  /** Numbers for {@code width} columns from {@code first} on, of which each {@code every} share one. */
  private static void plain(WeightData from, long[] first, int width, long every, float[] into) {
    int last = first.length - 1;
    long begin = first[last] / every;
    float[] some = new float[Math.toIntExact((first[last] + width - 1) / every - begin + 1)];
    stretch(from, first, begin, some);
    for (int i = 0; i < width; i++) {
      into[i] = some[(int) ((first[last] + i) / every - begin)];
    }
  }

  /** The same of codes. */
  private void codes(WeightData from, long[] first, int width, long every, float[] into) {
    int held = perElement();
    if (held == 1) {
      plain(from, first, width, every, into);
      return;
    }
    int last = first.length - 1;
    long begin = first[last] / every / held;
    float[] some = new float[Math.toIntExact((first[last] + width - 1) / every / held - begin + 1)];
    stretch(from, first, begin, some);
    for (int i = 0; i < width; i++) {
      long index = (first[last] + i) / every;
      into[i] = (int) some[(int) (index / held - begin)] >> index % held * bits & (1 << bits) - 1;
    }
  }

  private static void stretch(WeightData from, long[] row, long begin, float[] into) {
    long[] start = row.clone();
    long[] extent = new long[row.length];
    Arrays.fill(extent, 1);
    start[row.length - 1] = begin;
    extent[row.length - 1] = into.length;
    from.read(start, extent, into, 0);
  }

  @Override
  public String hash() {
    return Hashes.of("block_dequantized", codes.hash(), bits + " " + axis + " " + block, scales.hash(), zeros == null ? "" : zeros.hash());
  }

  @Override
  public String text() {
    return "computed()";
  }
}
