package dev.catena.ir;

/** A matrix whose rows can be had as they are stored: codes, and a scale and a zero point for each group of columns. */
public interface CodedMatrix extends WeightData {
  @Override
  QuantType type();

  /**
   * Reads {@code rows} rows from {@code firstRow} on.
   *
   * @param codes  receives {@code [rows, columns]} unsigned codes
   * @param scales receives {@code [rows, groups]}, rounded to the scale's type
   * @param zeros  receives {@code [rows, groups]} unsigned zero points
   */
  void readCodes(long firstRow, int rows, byte[] codes, float[] scales, byte[] zeros);

  /** The dequantized values. */
  @Override
  default void read(long[] start, long[] extent, float[] into, int at) {
    int columns = Math.toIntExact(type().columns());
    int groups = Math.toIntExact(type().groups());
    byte[] codes = new byte[columns];
    float[] scales = new float[groups];
    byte[] zeros = new byte[groups];
    int o = at;
    for (long r = start[0]; r < start[0] + extent[0]; r++) {
      readCodes(r, 1, codes, scales, zeros);
      for (long c = start[1]; c < start[1] + extent[1]; c++) {
        int g = (int) (c / type().group());
        into[o++] = ((codes[(int) c] & 0xff) - (zeros[g] & 0xff)) * scales[g];
      }
    }
  }

  @Override
  default Tensor tensor() {
    Tensor whole = new Tensor(ElementType.F32, type().rows(), type().columns());
    read(new long[2], new long[] {type().rows(), type().columns()}, whole.floats(), 0);
    return whole;
  }
}
