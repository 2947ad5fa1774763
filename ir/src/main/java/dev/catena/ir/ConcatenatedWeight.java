package dev.catena.ir;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** A view of several tensors laid end to end along the first axis, as merged projections are. */
public final class ConcatenatedWeight implements WeightData {
  private final List<WeightData> parts;
  private final TensorType type;

  public ConcatenatedWeight(List<WeightData> parts) {
    this.parts = List.copyOf(parts);
    TensorType first = parts.get(0).tensorType();
    long rows = 0;
    for (WeightData p : parts) {
      TensorType t = p.tensorType();
      if (t.element() != first.element()
          || !t.shape().subList(1, t.rank()).equals(first.shape().subList(1, first.rank()))) {
        throw new IrException("can't lay " + t.text() + " end to end with " + first.text());
      }
      rows = Math.addExact(rows, t.dim(0).value());
    }
    List<Dim> shape = new ArrayList<>(first.shape());
    shape.set(0, Dim.of(rows));
    this.type = first.withShape(shape);
  }

  public List<WeightData> parts() {
    return parts;
  }

  @Override
  public TensorType type() {
    return type;
  }

  @Override
  public void read(long[] start, long[] extent, float[] into, int at) {
    long inner = 1;
    for (int i = 1; i < extent.length; i++) {
      inner *= extent[i];
    }
    long from = start[0];
    long end = from + extent[0];
    long partStart = 0;
    for (WeightData p : parts) {
      long partRows = p.tensorType().dim(0).value();
      long a = Math.max(from, partStart);
      long b = Math.min(end, partStart + partRows);
      if (a < b) {
        long[] s = start.clone();
        long[] e = extent.clone();
        s[0] = a - partStart;
        e[0] = b - a;
        p.read(s, e, into, at + Math.toIntExact((a - from) * inner));
      }
      partStart += partRows;
    }
  }

  @Override
  public String hash() {
    return Hashes.of(java.util.stream.Stream.concat(java.util.stream.Stream.of("concat"),
        parts.stream().map(WeightData::hash)).toArray(String[]::new));
  }

  @Override
  public String text() {
    return parts.stream().map(WeightData::text).collect(Collectors.joining(", ", "concat(", ")"));
  }
}
