package dev.catena.ir;

import java.util.Arrays;

/**
 * The dequantized values of a matrix whose columns say themselves which group's scale and zero point are theirs, as GPTQ's act-order
 * (desc_act) leaves them and MatMulNBits' g_idx writes them. Codes in such an order have no storage of their own.
 */
public final class GroupIndexedWeight implements WeightData {
  private final CodedMatrix matrix;
  private final int[] groups;
  private final WeightData zeros;
  private final TensorType type;

  /**
   * @param groups of each column of {@code matrix}, whose own order of groups counts for nothing
   * @param zeros  [rows, groups] in place of the matrix's own zero points, where they are no codes; or null
   */
  public GroupIndexedWeight(CodedMatrix matrix, int[] groups, WeightData zeros) {
    this.matrix = matrix;
    this.groups = groups.clone();
    this.zeros = zeros == null ? null : ReshapedWeight.of(zeros, matrix.type().rows() * matrix.type().groups());
    if (groups.length != matrix.type().columns()) {
      throw new IrException(groups.length + " groups for the columns of " + matrix.type().text());
    }
    for (int g : groups) {
      if (g < 0 || g >= matrix.type().groups()) {
        throw new IrException("a column of group " + g + " in " + matrix.type().text());
      }
    }
    type = TensorType.of(ElementType.F32, matrix.type().rows(), matrix.type().columns());
  }

  @Override
  public TensorType type() {
    return type;
  }

  @Override
  public void read(long[] start, long[] extent, float[] into, int at) {
    byte[] codes = new byte[groups.length];
    float[] scales = new float[Math.toIntExact(matrix.type().groups())];
    byte[] ownZeros = new byte[scales.length];
    float[] givenZeros = new float[scales.length];
    int o = at;
    for (long r = start[0]; r < start[0] + extent[0]; r++) {
      matrix.readCodes(r, 1, codes, scales, ownZeros);
      if (zeros != null) {
        zeros.read(new long[] {r * scales.length}, new long[] {scales.length}, givenZeros, 0);
      }
      for (int c = (int) start[1]; c < start[1] + extent[1]; c++) {
        int g = groups[c];
        into[o++] = ((codes[c] & 0xff) - (zeros == null ? ownZeros[g] & 0xff : givenZeros[g])) * scales[g];
      }
    }
  }

  @Override
  public String hash() {
    return Hashes.of("group_indexed", matrix.hash(), Arrays.toString(groups), zeros == null ? "" : zeros.hash());
  }

  @Override
  public String text() {
    return "computed()";
  }
}
