package dev.catena.ir;

import java.util.ArrayList;
import java.util.List;

/**
 * A view of some rows out of each stretch of so many: the queries of a projection whose rows hold queries, keys and values of
 * one head together, as GPT-NeoX has it. They may be repeated before the next stretch's follow: keys that a group of queries
 * shares, where each query keeps its own copy (Falcon).
 */
public final class HeadRowsWeight implements WeightData {
  private static final long MOST_TIMES = 1 << 16;

  private final WeightData base;
  private final long from;
  private final long to;
  private final long every;
  private final long times;
  private final TensorType type;

  /**
   * @param from  of a stretch's rows the first that is taken
   * @param to    the one behind the last
   * @param every rows of a stretch; the base holds whole stretches
   * @param times how often a stretch's rows stand in the view
   */
  public HeadRowsWeight(WeightData base, long from, long to, long every, long times) {
    TensorType t = base.tensorType();
    if (t.rank() == 0 || from < 0 || to <= from || to > every || !t.dim(0).isKnown() || t.dim(0).value() % every != 0
        || times < 1 || times > MOST_TIMES) {
      throw new IrException("rows " + from + " to " + to + " of each " + every + " don't lie in " + t.text());
    }
    this.base = base;
    this.from = from;
    this.to = to;
    this.every = every;
    this.times = times;
    List<Dim> shape = new ArrayList<>(t.shape());
    shape.set(0, Dim.of(Math.multiplyExact(t.dim(0).value() / every * (to - from), times)));
    this.type = t.withShape(shape);
  }

  WeightData base() {
    return base;
  }

  /** Where a row of the view lies in the base. */
  long baseRow(long row) {
    return row / ((to - from) * times) * every + from + row % (to - from);
  }

  @Override
  public TensorType type() {
    return type;
  }

  @Override
  public void read(long[] start, long[] extent, float[] into, int at) {
    long taken = to - from;
    long[] baseStart = start.clone();
    long[] baseExtent = extent.clone();
    int rowSize = 1;
    for (int axis = 1; axis < extent.length; axis++) {
      rowSize = Math.toIntExact(rowSize * extent[axis]);
    }
    int next = at;
    for (long row = start[0]; row < start[0] + extent[0]; row += baseExtent[0]) {
      baseStart[0] = baseRow(row);
      baseExtent[0] = Math.min(taken - row % taken, start[0] + extent[0] - row);
      base.read(baseStart, baseExtent, into, next);
      next += Math.toIntExact(baseExtent[0] * rowSize);
    }
  }

  @Override
  public String hash() {
    return Hashes.of("head_rows", from + " " + to + " " + every + (times == 1 ? "" : " " + times), type.text(), base.hash());
  }

  @Override
  public String text() {
    return "head_rows(" + base.text() + ", [" + from + ", " + to + ", " + every + (times == 1 ? "" : ", " + times) + "])";
  }
}
