package dev.catena.ir;

import java.util.Arrays;

/** A view without the axes of size 1, or with more of them, or as one vector: the elements stay where they are. */
public final class ReshapedWeight implements WeightData {
  private final WeightData base;
  private final TensorType type;
  private final boolean flattens;

  public ReshapedWeight(WeightData base, long... shape) {
    this.base = base;
    this.type = TensorType.of(base.tensorType().element(), shape);
    long[] kept = withoutOnes(base.tensorType().staticShape());
    flattens = shape.length == 1 && kept.length > 1 && TensorType.of(base.tensorType().element(), kept).elements().is(shape[0]);
    if (!flattens && !Arrays.equals(withoutOnes(shape), kept)) {
      throw new IrException(base.type().text() + " can't be seen as " + type.text());
    }
  }

  /** {@code base} in that shape: itself where it has it already. */
  public static WeightData of(WeightData base, long... shape) {
    return Arrays.equals(shape, base.tensorType().staticShape()) ? base : new ReshapedWeight(base, shape);
  }

  private static long[] withoutOnes(long[] shape) {
    return Arrays.stream(shape).filter(d -> d != 1).toArray();
  }

  @Override
  public TensorType type() {
    return type;
  }

  @Override
  public void read(long[] start, long[] extent, float[] into, int at) {
    long[] baseShape = base.tensorType().staticShape();
    if (flattens) {
      readStretch(baseShape, start[0], extent[0], into, at);
      return;
    }
    long[] baseStart = new long[baseShape.length];
    long[] baseExtent = new long[baseShape.length];
    long[] shape = type.staticShape();
    int from = 0;
    for (int axis = 0; axis < baseShape.length; axis++) {
      baseExtent[axis] = 1;
      if (baseShape[axis] != 1) {
        while (shape[from] == 1) {
          from++;
        }
        baseStart[axis] = start[from];
        baseExtent[axis] = extent[from++];
      }
    }
    base.read(baseStart, baseExtent, into, at);
  }

  /** Elements as they are counted one after the other, row by row of the base. */
  private void readStretch(long[] baseShape, long from, long count, float[] into, int at) {
    int last = baseShape.length - 1;
    for (long done = 0; done < count;) {
      long[] baseStart = new long[baseShape.length];
      long rest = from + done;
      for (int axis = last; axis >= 0; axis--) {
        baseStart[axis] = rest % baseShape[axis];
        rest /= baseShape[axis];
      }
      long[] baseExtent = new long[baseShape.length];
      Arrays.fill(baseExtent, 1);
      baseExtent[last] = Math.min(count - done, baseShape[last] - baseStart[last]);
      base.read(baseStart, baseExtent, into, Math.toIntExact(at + done));
      done += baseExtent[last];
    }
  }

  @Override
  public String hash() {
    return Hashes.of("reshape", type.text(), base.hash());
  }

  @Override
  public String text() {
    return "reshape(" + base.text() + ", " + TensorType.shapeText(type.shape()) + ")";
  }
}
