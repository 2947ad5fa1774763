package dev.catena.ir;

import java.util.Arrays;

/**
 * A matrix that came quantized, as MatMulNBits has it (ONNX Runtime, docs/ContribOperators.md): rows of blocks of codes, the
 * last block of a row padded, several codes in a byte with the first in the low bits. Codes and zero points are kept as they
 * are; so are scales, if the type's are as wide as the file's.
 */
public final class BlockQuantizedWeight implements CodedMatrix {
  private final WeightData codes;
  private final WeightData scales;
  private final WeightData zeros;
  private final QuantType type;

  /**
   * @param codes  bytes [rows, groups, group · bits / 8]
   * @param scales one a group: [rows, groups] or as many in one vector
   * @param zeros  bytes of packed zero points, each row beginning at a byte, or null: half of the code range
   */
  public BlockQuantizedWeight(WeightData codes, WeightData scales, WeightData zeros, QuantType type) {
    this.codes = codes;
    this.scales = scales;
    this.zeros = zeros;
    this.type = type;
    long perByte = 8 / type.code().bits();
    require("codes", codes, ElementType.U8, type.rows() * type.groups() * (type.group() / perByte));
    require("scales", scales, null, type.rows() * type.groups());
    if (zeros != null) {
      require("zero points", zeros, ElementType.U8, type.rows() * zerosPerRow());
    }
    if ((zeros == null) != (type.zero() == null) || type.group() % perByte != 0) {
      throw new IrException("block-quantized data doesn't fit " + type.text());
    }
  }

  private void require(String what, WeightData data, ElementType element, long count) {
    TensorType t = data.tensorType();
    boolean fits = element == null ? t.element().isFloat() : t.element() == element;
    if (!fits || t.rank() == 0 || !t.elements().is(count)
        || t.rank() > 1 && !t.dim(0).is(type.rows())) {
      throw new IrException(what + " are " + t.text() + ", " + count + " are needed for " + type.text());
    }
  }

  private long zerosPerRow() {
    return (type.groups() * type.code().bits() + 7) / 8;
  }

  @Override
  public QuantType type() {
    return type;
  }

  @Override
  public void readCodes(long firstRow, int rows, byte[] intoCodes, float[] intoScales, byte[] intoZeros) {
    int bits = type.code().bits();
    int columns = Math.toIntExact(type.columns());
    int groups = Math.toIntExact(type.groups());
    int stride = Math.toIntExact(type.group() * groups * bits / 8);
    float[] packed = rows(codes, firstRow, rows, stride);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        intoCodes[r * columns + c] = code(packed, r * stride, c, bits);
      }
    }
    float[] wide = rows(scales, firstRow, rows, groups);
    for (int i = 0; i < rows * groups; i++) {
      intoScales[i] = HalfFloat.round(wide[i], type.scale());
    }
    if (zeros == null) {
      Arrays.fill(intoZeros, 0, rows * groups, (byte) type.symmetricZero());
      return;
    }
    int zeroStride = Math.toIntExact(zerosPerRow());
    float[] packedZeros = rows(zeros, firstRow, rows, zeroStride);
    for (int r = 0; r < rows; r++) {
      for (int g = 0; g < groups; g++) {
        intoZeros[r * groups + g] = code(packedZeros, r * zeroStride, g, bits);
      }
    }
  }

  private static byte code(float[] bytes, int from, int index, int bits) {
    int perByte = 8 / bits;
    return (byte) ((int) bytes[from + index / perByte] >> index % perByte * bits & (1 << bits) - 1);
  }

  private static float[] rows(WeightData data, long first, int rows, int perRow) {
    long[] shape = data.tensorType().staticShape();
    long[] start = new long[shape.length];
    long[] extent = shape.clone();
    start[0] = shape.length == 1 ? first * perRow : first;
    extent[0] = shape.length == 1 ? (long) rows * perRow : rows;
    float[] into = new float[Math.multiplyExact(rows, perRow)];
    data.read(start, extent, into, 0);
    return into;
  }

  @Override
  public String hash() {
    return Hashes.of("blocks", type.text(), codes.hash(), scales.hash(), zeros == null ? "" : zeros.hash());
  }

  @Override
  public String text() {
    return "blocks(" + codes.text() + ", " + scales.text() + (zeros == null ? "" : ", " + zeros.text()) + ")";
  }
}
