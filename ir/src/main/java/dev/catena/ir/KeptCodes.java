package dev.catena.ir;

import java.util.List;
import java.util.Optional;

/**
 * The codes, scales and zero points behind a matrix that came quantized ({@link DequantizedWeight}), through whatever views of
 * it there are: transposed, cast, some of its rows, laid end to end with others. Signed codes and their zero points are moved
 * up to unsigned ones; nothing is rounded but f64 scales.
 */
public final class KeptCodes implements CodedMatrix {
  /** Groups that kernels can read are multiples of this, or whole rows. */
  private static final int GROUP_MULTIPLE = 8;

  private final WeightData view;
  private final QuantType type;

  private KeptCodes(WeightData view, QuantType type) {
    this.view = view;
    this.type = type;
  }

  /** Of {@code view}; empty unless all of it came quantized, with scales along rows or in groups of columns. */
  public static Optional<KeptCodes> of(WeightData view) {
    return Optional.ofNullable(type(view, false)).map(t -> new KeptCodes(view, t));
  }

  /** Whether any part of {@code view} came quantized. */
  public static boolean anyBehind(WeightData view) {
    if (view instanceof ConcatenatedWeight c) {
      return c.parts().stream().anyMatch(KeptCodes::anyBehind);
    }
    return view instanceof DequantizedWeight || base(view) != null && anyBehind(base(view));
  }

  private static WeightData base(WeightData view) {
    return view instanceof TransposedWeight t ? t.base() : view instanceof CastWeight c ? c.base()
        : view instanceof RowsWeight r ? r.base() : view instanceof HeadRowsWeight h ? h.base() : null;
  }

  /** Null where there is none. */
  private static QuantType type(WeightData view, boolean turned) {
    if (view instanceof DequantizedWeight d) {
      return typeOf(d, turned);
    }
    if (view instanceof TransposedWeight t && t.type().rank() == 2) {
      return type(t.base(), turned ^ t.permutation()[0] == 1);
    }
    if (view instanceof CastWeight c) {
      return type(c.base(), turned);
    }
    if (turned) {
      return null; // rows laid end to end would be groups of columns
    }
    if (view instanceof RowsWeight || view instanceof HeadRowsWeight) {
      QuantType whole = type(base(view), false);
      return whole == null ? null
          : new QuantType(whole.code(), whole.group(), whole.scale(), whole.zero(), view.tensorType().shape());
    }
    return view instanceof ConcatenatedWeight c ? joined(c) : null;
  }

  private static QuantType typeOf(DequantizedWeight d, boolean turned) {
    int columns = turned ? 0 : 1;
    long group = d.together(columns);
    if (group % GROUP_MULTIPLE != 0 && group != d.type().dim(columns).value()) {
      return null; // a scale for each input, for one
    }
    ElementType code = d.code().bits() == 8 ? ElementType.U8 : ElementType.U4;
    ElementType scale = d.type().element() == ElementType.F16 ? ElementType.F16 : ElementType.F32;
    boolean signed = d.code() == ElementType.I8 || d.code() == ElementType.I4;
    List<Dim> shape = turned ? List.of(d.type().dim(1), d.type().dim(0)) : d.type().shape();
    return new QuantType(code, group, scale, signed && !d.hasZeros() ? null : code, shape);
  }

  /** What holds all parts as they are: the widest codes and scales, groups that each of the parts' are made of. */
  private static QuantType joined(ConcatenatedWeight all) {
    QuantType joined = null;
    for (WeightData part : all.parts()) {
      QuantType t = type(part, false);
      if (t == null) {
        return null;
      }
      if (joined == null) {
        joined = t;
        continue;
      }
      boolean same = joined.code() == t.code();
      ElementType code = joined.code().bits() > t.code().bits() ? joined.code() : t.code();
      long group = commonGroup(joined.group(), t.group(), t.columns());
      if (group == 0) {
        return null;
      }
      joined = new QuantType(code, group, joined.scale() == ElementType.F32 ? ElementType.F32 : t.scale(),
          same && joined.zero() == null && t.zero() == null ? null : code, t.shape());
    }
    return new QuantType(joined.code(), joined.group(), joined.scale(), joined.zero(), all.type().shape());
  }

  /** The largest group that both are made of; 0 where kernels can't read it. A whole row is made of anything. */
  private static long commonGroup(long a, long b, long columns) {
    long x = a == columns ? b : a;
    long y = b == columns ? x : b;
    while (y != 0) {
      long rest = x % y;
      x = y;
      y = rest;
    }
    return x == columns || x % GROUP_MULTIPLE == 0 ? x : 0;
  }

  @Override
  public QuantType type() {
    return type;
  }

  @Override
  public void readCodes(long firstRow, int rows, byte[] codes, float[] scales, byte[] zeros) {
    read(view, false, firstRow, rows, 0, codes, scales, zeros);
  }

  /** Reads rows of a view to row {@code to} of the results. */
  private void read(WeightData from, boolean turned, long firstRow, int rows, int to, byte[] codes, float[] scales,
      byte[] zeros) {
    if (from instanceof DequantizedWeight d) {
      read(d, turned, firstRow, rows, to, codes, scales, zeros);
    } else if (from instanceof TransposedWeight t) {
      read(t.base(), turned ^ t.permutation()[0] == 1, firstRow, rows, to, codes, scales, zeros);
    } else if (from instanceof CastWeight c) {
      read(c.base(), turned, firstRow, rows, to, codes, scales, zeros);
    } else if (from instanceof RowsWeight r) {
      read(r.base(), false, r.firstRow() + firstRow, rows, to, codes, scales, zeros);
    } else if (from instanceof HeadRowsWeight h) {
      for (int i = 0; i < rows; i++) {
        read(h.base(), false, h.baseRow(firstRow + i), 1, to + i, codes, scales, zeros);
      }
    } else {
      long partStart = 0;
      for (WeightData part : ((ConcatenatedWeight) from).parts()) {
        long partRows = part.tensorType().dim(0).value();
        long a = Math.max(firstRow, partStart);
        long b = Math.min(firstRow + rows, partStart + partRows);
        if (a < b) {
          read(part, false, a - partStart, (int) (b - a), to + (int) (a - firstRow), codes, scales, zeros);
        }
        partStart += partRows;
      }
    }
  }

  private void read(DequantizedWeight d, boolean turned, long firstRow, int rows, int to, byte[] codes, float[] scales,
      byte[] zeros) {
    int columns = Math.toIntExact(type.columns());
    int groups = Math.toIntExact(type.groups());
    long[] start = turned ? new long[] {0, firstRow} : new long[] {firstRow, 0};
    long[] extent = turned ? new long[] {columns, rows} : new long[] {rows, columns};
    float[] c = d.readCodes(start, extent);
    float[] s = d.readScales(start, extent);
    float[] z = d.readZeros(start, extent);
    int lift = d.code() == ElementType.I8 ? 128 : d.code() == ElementType.I4 ? 8 : 0;
    for (int r = 0; r < rows; r++) {
      for (int k = 0; k < columns; k++) {
        int at = turned ? k * rows + r : r * columns + k;
        codes[(to + r) * columns + k] = (byte) ((int) c[at] + lift);
        if (k % type.group() == 0) {
          int g = (to + r) * groups + (int) (k / type.group());
          scales[g] = s[at];
          zeros[g] = (byte) ((int) z[at] + lift);
        }
      }
    }
  }

  @Override
  public String hash() {
    return Hashes.of("kept", type.text(), view.hash());
  }

  @Override
  public String text() {
    return "kept(" + view.text() + ")";
  }
}
