package dev.catena.ir;

/** A matrix rounded to the nearest codes, group by group ({@link GroupFit}), when it is streamed. */
public final class QuantizedWeight implements CodedMatrix {
  /** Groups that are searched side by side: loops long enough for vectors, over columns that stay in the second-level cache. */
  private static final int BATCH = 512;
  /** The error of 8 bits is that of the rounding, not of the range. */
  private static final int SEARCHED_BITS = 4;

  private final WeightData base;
  private final QuantType type;
  private final GroupFit.Scales scales;

  public QuantizedWeight(WeightData base, QuantType type, GroupFit.Scales scales) {
    this.base = base;
    this.type = type;
    this.scales = scales;
    if (base.tensorType().rank() != 2 || !base.tensorType().shape().equals(type.shape())) {
      throw new IrException("can't quantize " + base.type().text() + " as " + type.text());
    }
  }

  public WeightData base() {
    return base;
  }

  @Override
  public QuantType type() {
    return type;
  }

  @Override
  public void readCodes(long firstRow, int rows, byte[] codes, float[] groupScales, byte[] zeros) {
    int columns = Math.toIntExact(type.columns());
    int groups = Math.toIntExact(type.groups());
    float[] w = new float[Math.multiplyExact(rows, columns)];
    base.read(new long[] {firstRow, 0}, new long[] {rows, columns}, w, 0);
    if (scales == GroupFit.Scales.SEARCH && type.code().bits() <= SEARCHED_BITS) {
      search(w, rows, codes, groupScales, zeros);
      return;
    }
    GroupFit fit = new GroupFit(type, scales);
    for (int r = 0; r < rows; r++) {
      for (int g = 0; g < groups; g++) {
        int from = r * columns + (int) (g * type.group());
        int to = (int) Math.min(from + type.group(), (long) (r + 1) * columns);
        fit.fit(w, from, to - from);
        fit.codes(w, from, to - from, codes);
        groupScales[r * groups + g] = fit.scale();
        zeros[r * groups + g] = (byte) fit.zero();
      }
    }
  }

  private void search(float[] w, int rows, byte[] codes, float[] groupScales, byte[] zeros) {
    int columns = Math.toIntExact(type.columns());
    int groups = Math.toIntExact(type.groups());
    int group = Math.toIntExact(type.group());
    int whole = columns / group;
    GroupSearch search = new GroupSearch(type, BATCH);
    for (int at = 0; at < rows * whole; at += BATCH) {
      search(search, w, at, Math.min(rows * whole, at + BATCH), whole, 0, group, codes, groupScales, zeros);
    }
    for (int at = 0; groups > whole && at < rows; at += BATCH) { // the short groups at the rows' ends
      search(search, w, at, Math.min(rows, at + BATCH), 1, whole, columns - whole * group, codes, groupScales, zeros);
    }
  }

  /** Groups {@code from … to − 1}, counted along rows of {@code perRow} groups of {@code count} columns that begin at {@code first}. */
  private void search(GroupSearch search, float[] w, int from, int to, int perRow, int first, int count, byte[] codes,
      float[] groupScales, byte[] zeros) {
    int columns = Math.toIntExact(type.columns());
    int groups = Math.toIntExact(type.groups());
    int[] starts = new int[to - from];
    for (int i = from; i < to; i++) {
      starts[i - from] = i / perRow * columns + (int) ((first + i % perRow) * type.group());
    }
    search.fit(w, starts, count);
    GroupFit fit = new GroupFit(type, scales);
    for (int i = from; i < to; i++) {
      fit.take(search.scale(i - from), search.zero(i - from));
      int g = i / perRow * groups + first + i % perRow;
      groupScales[g] = fit.scale();
      zeros[g] = (byte) fit.zero();
      fit.codes(w, starts[i - from], count, codes);
    }
  }

  @Override
  public String hash() {
    return Hashes.of("quantize", scales.name(), type.text(), base.hash());
  }

  @Override
  public String text() {
    return "quantize(" + base.text() + ", " + scales.keyword() + ")";
  }
}
