package dev.catena.ir.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;

/** Reductions over some axes, all of them where none are named. Sums are kept in f64. */
final class ReductionOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      reduction("ReduceSum", "The sum.", 0, Double::sum, (e, a, b) -> a + b, Finish.NONE, Dim::plus),
      reduction("ReduceMean", "The mean.", 0, Double::sum, (e, a, b) -> a + b, Finish.MEAN, null),
      reduction("ReduceMax", "The largest.", Double.NEGATIVE_INFINITY, Math::max, Scalars::max, Finish.NONE, Dim::max),
      reduction("ReduceMin", "The smallest.", Double.POSITIVE_INFINITY, Math::min, Scalars::min, Finish.NONE, Dim::min),
      reduction("ReduceProd", "The product.", 1, (a, b) -> a * b, (e, a, b) -> a * b, Finish.NONE, Dim::times),
      reduction("ReduceSumSquare", "The sum of the squares.", 0, (a, b) -> a + b * b, (e, a, b) -> a + b * b, Finish.NONE, null),
      reduction("ReduceL2", "The square root of the sum of the squares.", 0, (a, b) -> a + b * b,
          (e, a, b) -> a + b * b, Finish.ROOT, null));

  /** What is done with the total at the end. */
  private enum Finish { NONE, MEAN, ROOT }

  private ReductionOps() {}

  private static OpDefinition reduction(String name, String doc, double start, DoubleBinaryOperator real,
      Elementwise.IntegerRule integer, Finish finish, Elementwise.ContentRule contents) {
    return OpDefinition.named("onnx." + name, doc + " Over axes; keepdims leaves them as 1.").operand("x").optional("axes")
        .attribute("keepdims", Attribute.Int.class, Attribute.of(1))
        .attribute("noop_with_empty_axes", Attribute.Int.class, Attribute.of(0)).traits(Trait.PURE)
        .shape(op -> List.of(infer(op, contents)))
        .meaning((op, in) -> List.of(reduce(op, in, start, real, integer, finish))).build();
  }

  private static boolean[] reduced(Operation op, long[] axes, int rank) {
    boolean[] marked = axes == null ? new boolean[rank] : Axes.marked(op, axes, rank);
    if ((axes == null || axes.length == 0) && op.intAttribute("noop_with_empty_axes") == 0) {
      java.util.Arrays.fill(marked, true);
    }
    return marked;
  }

  private static Inferred infer(Operation op, Elementwise.ContentRule rule) {
    TensorType x = op.operand(0).tensorType();
    boolean keep = op.intAttribute("keepdims") != 0;
    Operands.lists(op, 1);
    long[] axes = Contents.known(op.operand(1));
    if (op.operand(1) != null && axes == null) {
      int n = ShapeOps.axisCount(op, op.operand(1));
      if (n == 0 && op.intAttribute("noop_with_empty_axes") == 0) {
        n = x.rank(); // none given means all
      }
      return Inferred.of(x.withShape(OpaqueDims.shape(op, 0, keep ? x.rank() : Math.max(0, x.rank() - n))));
    }
    boolean[] reduced = reduced(op, axes, x.rank());
    List<Dim> out = new ArrayList<>();
    for (int i = 0; i < reduced.length; i++) {
      if (!reduced[i]) {
        out.add(x.dim(i));
      } else if (keep) {
        out.add(Dim.of(1));
      }
    }
    return Contents.infer(x.withShape(out), () -> {
      Dim[] c = op.operand(0).contents();
      if (c == null || c.length == 0 || rule == null || x.rank() != 1 || !reduced[0]) {
        return null;
      }
      Dim total = c[0];
      for (int i = 1; i < c.length; i++) {
        total = rule.apply(total, c[i]);
      }
      return new Dim[] {total};
    });
  }

  private static Tensor reduce(Operation op, List<EvalValue> in, double start, DoubleBinaryOperator real,
      Elementwise.IntegerRule integer, Finish finish) {
    Tensor x = (Tensor) in.get(0);
    Tensor axes = in.size() > 1 ? (Tensor) in.get(1) : null;
    boolean[] reduced = reduced(op, axes == null ? null : axes.longs(), x.rank());
    boolean keep = op.intAttribute("keepdims") != 0;
    long[] full = x.shape();
    List<Long> dims = new ArrayList<>();
    int perOutput = 1;
    for (int i = 0; i < full.length; i++) {
      if (reduced[i]) {
        perOutput *= (int) full[i];
        full[i] = 1;
      }
      if (!reduced[i] || keep) {
        dims.add(full[i]);
      }
    }
    int[] to = targets(x.shape(), full);
    int n = Tensor.count(full);
    Tensor out = new Tensor(x.element(), full);
    if (x.element().isFloat()) {
      double[] total = new double[n];
      java.util.Arrays.fill(total, start);
      for (int i = 0; i < to.length; i++) {
        total[to[i]] = real.applyAsDouble(total[to[i]], x.get(i));
      }
      DoubleUnaryOperator last = finish(finish, perOutput);
      for (int i = 0; i < n; i++) {
        out.set(i, last.applyAsDouble(total[i]));
      }
    } else {
      long[] total = new long[n];
      java.util.Arrays.fill(total, integerStart(x.element(), start));
      for (int i = 0; i < to.length; i++) {
        total[to[i]] = integer.apply(x.element(), total[to[i]], x.getLong(i));
      }
      for (int i = 0; i < n; i++) {
        out.setLong(i, finish == Finish.NONE ? total[i] : (long) finish(finish, perOutput).applyAsDouble(total[i]));
      }
    }
    return out.reshaped(dims.stream().mapToLong(Long::longValue).toArray());
  }

  private static DoubleUnaryOperator finish(Finish finish, int count) {
    return switch (finish) {
      case NONE -> a -> a;
      case MEAN -> a -> a / count;
      case ROOT -> Math::sqrt;
    };
  }

  /** The neutral element among integers: the extreme of the type in place of an infinity. */
  private static long integerStart(ElementType e, double start) {
    if (!Double.isInfinite(start)) {
      return (long) start;
    }
    boolean unsigned = Scalars.isUnsigned(e);
    if (e == ElementType.BOOL) {
      return start < 0 ? 0 : 1;
    }
    if (e == ElementType.U64) {
      return start < 0 ? 0 : -1;
    }
    int bits = e.bits();
    if (unsigned) {
      return start < 0 ? 0 : (1L << bits) - 1;
    }
    return start < 0 ? Long.MIN_VALUE >> (64 - bits) : Long.MAX_VALUE >> (64 - bits);
  }

  /** For each element of {@code shape} the element of {@code reduced} that it falls on. */
  private static int[] targets(long[] shape, long[] reduced) {
    return Broadcasting.indices(reduced, shape);
  }
}
