package dev.catena.ir;

/**
 * A matrix rounded to nearest codes, group by group, when it is streamed. Asymmetric: the group's range, widened to
 * hold zero, is spread over the codes. Symmetric: the largest magnitude maps to the end of the code range.
 */
public final class QuantizedWeight implements CodedMatrix {
  private final WeightData base;
  private final QuantType type;

  public QuantizedWeight(WeightData base, QuantType type) {
    this.base = base;
    this.type = type;
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
  public void readCodes(long firstRow, int rows, byte[] codes, float[] scales, byte[] zeros) {
    int columns = Math.toIntExact(type.columns());
    int groups = Math.toIntExact(type.groups());
    float[] w = new float[Math.multiplyExact(rows, columns)];
    base.read(new long[] {firstRow, 0}, new long[] {rows, columns}, w, 0);
    int top = (1 << type.code().bits()) - 1;
    for (int r = 0; r < rows; r++) {
      for (int g = 0; g < groups; g++) {
        int from = r * columns + (int) (g * type.group());
        int to = (int) Math.min(from + type.group(), (long) (r + 1) * columns);
        quantizeGroup(w, from, to, top, codes, scales, zeros, r * groups + g);
      }
    }
  }

  private void quantizeGroup(float[] w, int from, int to, int top, byte[] codes, float[] scales, byte[] zeros, int at) {
    float low = 0;
    float high = 0;
    for (int i = from; i < to; i++) {
      low = Math.min(low, w[i]);
      high = Math.max(high, w[i]);
    }
    float scale;
    int zero;
    if (type.zero() == null) {
      zero = type.symmetricZero();
      // The code range reaches one step further below zero than above it; the larger side takes that step.
      float peak = -low >= high ? low : high;
      scale = HalfFloat.round(peak / -zero, type.scale());
    } else {
      scale = HalfFloat.round((high - low) / top, type.scale());
      zero = scale == 0 ? 0 : Math.min(top, Math.max(0, Math.round(-low / scale)));
    }
    float inverse = scale == 0 ? 0 : 1 / scale;
    for (int i = from; i < to; i++) {
      int code = Math.round(w[i] * inverse) + zero;
      codes[i] = (byte) Math.min(top, Math.max(0, code));
    }
    scales[at] = scale;
    zeros[at] = (byte) zero;
  }

  @Override
  public String hash() {
    return Hashes.of("quantize", type.text(), base.hash());
  }

  @Override
  public String text() {
    return "quantize(" + base.text() + ")";
  }
}
