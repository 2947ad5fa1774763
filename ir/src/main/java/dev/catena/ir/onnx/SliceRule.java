package dev.catena.ir.onnx;

import dev.catena.ir.Dim;
import dev.catena.ir.Operation;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What {@code onnx.Slice} selects: ends beyond a dimension are held to it, negative places count from its end. */
final class SliceRule {
  /** Exporters write INT_MAX or INT64_MAX for "to the end"; no dimension is as large. */
  private static final Dim FAR = Dim.of(Integer.MAX_VALUE);

  /** One axis as evaluated: {@code count} places from {@code start}, {@code step} apart. */
  record Range(long start, long step, long count) {}

  private SliceRule() {}

  static Inferred infer(Operation op) {
    TensorType x = op.operand(0).tensorType();
    Operands.lists(op, 1, 2, 3, 4);
    Dim[] starts = Contents.of(op.operand(1));
    Dim[] ends = Contents.of(op.operand(2));
    int n = ShapeOps.axisCount(op, op.operand(1));
    if (ShapeOps.axisCount(op, op.operand(2)) != n) {
      throw op.broken(n + " starts, but ends of type " + op.operand(2).type().text());
    }
    long[] axes = axes(op.operand(3), n);
    long[] steps = steps(op.operand(4), n);
    if (axes == null) {
      return Inferred.of(x.withShape(OpaqueDims.shape(op, 0, x.rank())));
    }
    if (axes.length != n || steps != null && steps.length != n) {
      throw op.broken(n + " starts, " + axes.length + " axes" + (steps == null ? "" : ", " + steps.length + " steps"));
    }
    Axes.marked(op, axes, x.rank());
    List<Dim> out = new ArrayList<>(x.shape());
    for (int i = 0; i < n; i++) {
      int axis = Axes.index(op, axes[i], x.rank());
      if (starts == null || ends == null || steps == null) {
        out.set(axis, OpaqueDims.of(op, 0, axis));
      } else {
        out.set(axis, length(op, axis, x.dim(axis), starts[i], ends[i], steps[i]));
      }
    }
    TensorType type = x.withShape(out);
    return Contents.infer(type, () -> {
      Dim[] c = op.operand(0).contents();
      if (c == null || x.rank() != 1 || n != 1 || !starts[0].isKnown() || !ends[0].isKnown()) {
        return null;
      }
      Range r = range(op, c.length, starts[0].value(), ends[0].value(), steps[0]);
      Dim[] part = new Dim[(int) r.count];
      for (int i = 0; i < part.length; i++) {
        part[i] = c[(int) (r.start + i * r.step)];
      }
      return part;
    });
  }

  private static long[] axes(Value axes, int n) {
    if (axes != null) {
      return Contents.known(axes);
    }
    long[] all = new long[n];
    for (int i = 0; i < n; i++) {
      all[i] = i;
    }
    return all;
  }

  private static long[] steps(Value steps, int n) {
    if (steps != null) {
      return Contents.known(steps);
    }
    long[] ones = new long[n];
    Arrays.fill(ones, 1);
    return ones;
  }

  private static Dim length(Operation op, int axis, Dim d, Dim start, Dim end, long step) {
    if (d.isKnown() && start.isKnown() && end.isKnown()) {
      return Dim.of(range(op, d.value(), start.value(), end.value(), step).count);
    }
    if (step == -1 && start.is(-1) && end.isKnown() && end.value() <= -Integer.MAX_VALUE) {
      return d; // reversed as a whole
    }
    // A start beyond the dimension needs no holding: the maximum with zero below takes care of it.
    Dim from = start.isAtLeast(Dim.of(0)) ? start : place(d, start);
    Dim to = place(d, end);
    if (step != 1 || from == null || to == null) {
      return OpaqueDims.of(op, 0, axis);
    }
    if (start.isKnown() && start.value() < 0 && to.equals(d)) {
      return Dim.of(Math.negateExact(start.value())).min(d); // the last -start elements
    }
    return Dim.of(0).max(to.minus(from));
  }

  /** Where {@code at} falls in a dimension of {@code d} elements; null where its sign isn't known. */
  private static Dim place(Dim d, Dim at) {
    if (at.isAtLeast(FAR)) {
      return d;
    }
    if (at.isAtLeast(Dim.of(0))) {
      return at.min(d);
    }
    if (Dim.of(-1).isAtLeast(at)) {
      return at.isKnown() && at.value() <= -Integer.MAX_VALUE ? Dim.of(0) : Dim.of(0).max(d.plus(at));
    }
    return null;
  }

  private static Range range(Operation op, long d, long start, long end, long step) {
    if (step == 0) {
      throw op.broken("a step is zero");
    }
    long low = step > 0 ? 0 : -1;
    long high = step > 0 ? d : d - 1;
    long from = Math.max(0, Math.min(high, start < 0 ? start + d : start));
    long to = Math.max(low, Math.min(high, end < 0 ? end + d : end));
    long span = step > 0 ? to - from : from - to;
    if (span <= 0 || d == 0) {
      return new Range(0, 1, 0);
    }
    // The stride may be as large as 2^63, so divide instead of adding to it.
    long stride = step == Long.MIN_VALUE ? Long.MAX_VALUE : Math.abs(step);
    return new Range(from, step, (span - 1) / stride + 1);
  }

  static Tensor evaluate(Operation op, Tensor x, Tensor starts, Tensor ends, Tensor axes, Tensor steps) {
    int rank = x.rank();
    Range[] ranges = new Range[rank];
    for (int i = 0; i < rank; i++) {
      ranges[i] = new Range(0, 1, x.dim(i));
    }
    for (int i = 0; i < starts.size(); i++) {
      int axis = Axes.index(op, axes == null ? i : axes.getLong(i), rank);
      ranges[axis] = range(op, x.dim(axis), starts.getLong(i), ends.getLong(i), steps == null ? 1 : steps.getLong(i));
    }
    long[] shape = new long[rank];
    for (int i = 0; i < rank; i++) {
      shape[i] = ranges[i].count;
    }
    Tensor out = new Tensor(x.element(), shape);
    long[] from = x.shape();
    long[] index = new long[rank];
    for (int o = 0; o < out.size(); o++) {
      long linear = 0;
      for (int i = 0; i < rank; i++) {
        linear = linear * from[i] + ranges[i].start + index[i] * ranges[i].step;
      }
      out.copy(o, x, (int) linear);
      Strides.advance(index, shape);
    }
    return out;
  }
}
