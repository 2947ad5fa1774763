package dev.catena.ir;

/** A matrix rounded to the nearest codes, group by group ({@link GroupFit}), when it is streamed. */
public final class QuantizedWeight implements CodedMatrix {
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
    GroupFit fit = new GroupFit(type, scales);
    for (int r = 0; r < rows; r++) {
      for (int g = 0; g < groups; g++) {
        int from = r * columns + (int) (g * type.group());
        int to = (int) Math.min(from + type.group(), (long) (r + 1) * columns);
        fit.fit(w, from, to - from);
        for (int i = from; i < to; i++) {
          codes[i] = (byte) fit.code(w[i]);
        }
        groupScales[r * groups + g] = fit.scale();
        zeros[r * groups + g] = (byte) fit.zero();
      }
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
