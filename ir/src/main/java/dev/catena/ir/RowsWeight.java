package dev.catena.ir;

import java.util.ArrayList;
import java.util.List;

/** A view of some of a tensor's rows, one after the other: a projection cut out of a merged one. */
public final class RowsWeight implements WeightData {
  private final WeightData base;
  private final long from;
  private final TensorType type;

  /** @param to the row behind the last */
  public RowsWeight(WeightData base, long from, long to) {
    TensorType t = base.tensorType();
    if (t.rank() == 0 || from < 0 || to < from || to > t.dim(0).value()) {
      throw new IrException("rows " + from + " to " + to + " don't lie in " + t.text());
    }
    this.base = base;
    this.from = from;
    List<Dim> shape = new ArrayList<>(t.shape());
    shape.set(0, Dim.of(to - from));
    this.type = t.withShape(shape);
  }

  public WeightData base() {
    return base;
  }

  /** The base's row that is the view's first. */
  public long firstRow() {
    return from;
  }

  @Override
  public TensorType type() {
    return type;
  }

  @Override
  public void read(long[] start, long[] extent, float[] into, int at) {
    long[] shifted = start.clone();
    shifted[0] += from;
    base.read(shifted, extent, into, at);
  }

  @Override
  public String hash() {
    return Hashes.of("rows", Long.toString(from), type.text(), base.hash());
  }

  @Override
  public String text() {
    return "rows(" + base.text() + ", [" + from + ", " + (from + type.dim(0).value()) + "])";
  }
}
