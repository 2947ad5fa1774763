package dev.catena.ir.onnx;

import dev.catena.ir.Dim;
import dev.catena.ir.IrException;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** ONNX's multidirectional broadcasting: shapes are aligned at their last axis, and a 1 stretches. */
final class Broadcasting {
  private Broadcasting() {}

  /**
   * The common shape. Of two different symbolic dimensions the first is kept: they must be equal when the model runs.
   * A known dimension other than 1 wins over a symbolic one.
   */
  static List<Dim> shape(Operation op, List<Dim> a, List<Dim> b) {
    int rank = Math.max(a.size(), b.size());
    List<Dim> out = new ArrayList<>(rank);
    for (int i = 0; i < rank; i++) {
      Dim x = i < rank - a.size() ? Dim.of(1) : a.get(i - (rank - a.size()));
      Dim y = i < rank - b.size() ? Dim.of(1) : b.get(i - (rank - b.size()));
      out.add(dim(op, x, y, a, b));
    }
    return out;
  }

  private static Dim dim(Operation op, Dim x, Dim y, List<Dim> a, List<Dim> b) {
    if (x.equals(y) || y.is(1)) {
      return x;
    }
    if (x.is(1)) {
      return y;
    }
    if (x.isKnown() && y.isKnown()) {
      throw op.broken("shapes " + a + " and " + b + " don't broadcast");
    }
    return y.isKnown() ? y : x;
  }

  /** {@code from} must stretch to {@code to}, which doesn't grow by it. */
  static void requireFits(Operation op, List<Dim> from, List<Dim> to) {
    boolean fits = from.size() <= to.size();
    for (int i = 1; fits && i <= from.size(); i++) {
      Dim x = from.get(from.size() - i);
      Dim y = to.get(to.size() - i);
      fits = !x.isKnown() || x.is(1) || !y.isKnown() || x.equals(y);
    }
    if (!fits) {
      throw op.broken("shape " + from + " doesn't stretch to " + to);
    }
  }

  static long[] shape(Operation op, long[] a, long[] b) {
    int rank = Math.max(a.length, b.length);
    long[] out = new long[rank];
    for (int i = 0; i < rank; i++) {
      long x = i < rank - a.length ? 1 : a[i - (rank - a.length)];
      long y = i < rank - b.length ? 1 : b[i - (rank - b.length)];
      if (x != y && x != 1 && y != 1) {
        throw op.broken("shapes " + Arrays.toString(a) + " and " + Arrays.toString(b) + " don't broadcast");
      }
      out[i] = x == 1 ? y : x;
    }
    return out;
  }

  /** For each element of a tensor of shape {@code to}, in order, the index of the element of {@code from} found there. */
  static int[] indices(long[] from, long[] to) {
    for (int i = 1; i <= Math.max(from.length, to.length); i++) {
      if (i > to.length || i <= from.length && from[from.length - i] != 1 && from[from.length - i] != to[to.length - i]) {
        throw new IrException("shape " + Arrays.toString(from) + " doesn't stretch to " + Arrays.toString(to));
      }
    }
    int n = Tensor.count(to);
    int[] out = new int[n];
    if (Arrays.equals(from, to)) {
      for (int i = 0; i < n; i++) {
        out[i] = i;
      }
      return out;
    }
    int rank = to.length;
    int lead = rank - from.length;
    int[] stride = new int[rank];
    int s = 1;
    for (int i = rank - 1; i >= lead; i--) {
      long d = from[i - lead];
      stride[i] = d == 1 ? 0 : s;
      s *= (int) d;
    }
    long[] index = new long[rank];
    int at = 0;
    for (int o = 0; o < n; o++) {
      out[o] = at;
      for (int a = rank - 1; a >= 0; a--) {
        at += stride[a];
        if (++index[a] < to[a]) {
          break;
        }
        at -= stride[a] * (int) to[a];
        index[a] = 0;
      }
    }
    return out;
  }

  /** {@code t} stretched to {@code shape}. */
  static Tensor stretch(Tensor t, long[] shape) {
    if (Arrays.equals(t.shape(), shape)) {
      return t;
    }
    Tensor out = new Tensor(t.element(), shape);
    int[] from = indices(t.shape(), shape);
    for (int i = 0; i < from.length; i++) {
      out.copy(i, t, from[i]);
    }
    return out;
  }
}
