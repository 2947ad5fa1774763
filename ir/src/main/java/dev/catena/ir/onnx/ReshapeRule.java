package dev.catena.ir.onnx;

import dev.catena.ir.Dim;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What {@code onnx.Reshape} makes of its shape operand. */
final class ReshapeRule {
  private ReshapeRule() {}

  static TensorType infer(Operation op) {
    TensorType x = op.operand(0).tensorType();
    Value shape = op.operand(1);
    Operands.lists(op, 1);
    Dim[] wanted = shape.contents();
    if (wanted == null) {
      int rank = ShapeOps.listLength(op, shape, Contents.LIMIT);
      return x.withShape(OpaqueDims.shape(op, 0, rank));
    }
    return x.withShape(resolve(op, x, wanted));
  }

  private static List<Dim> resolve(Operation op, TensorType x, Dim[] wanted) {
    boolean zeroCopies = op.intAttribute("allowzero") == 0;
    List<Dim> out = new ArrayList<>();
    int open = -1;
    for (int i = 0; i < wanted.length; i++) {
      Dim d = wanted[i];
      if (d.is(-1)) {
        if (open >= 0) {
          throw op.broken("shape " + Arrays.toString(wanted) + " leaves two dimensions open");
        }
        open = i;
      } else if (d.is(0) && zeroCopies) {
        if (i >= x.rank()) {
          throw op.broken("shape " + Arrays.toString(wanted) + " copies dimension " + i + " of " + x.text());
        }
        d = x.dim(i);
      } else if (d.isKnown() && d.value() < 0) {
        throw op.broken("negative dimension in shape " + Arrays.toString(wanted));
      }
      out.add(d);
    }
    // Equal dimensions cancel first, so that sums divide too: [1, 2, ?past + ?seq, 8] to [2, ?past + ?seq, -1].
    List<Dim> rest = new ArrayList<>(x.shape());
    Dim given = Dim.of(1);
    for (int i = 0; i < out.size(); i++) {
      if (i != open && (out.get(i).is(0) || !rest.remove(out.get(i)))) {
        given = given.times(out.get(i));
      }
    }
    Dim left = x.withShape(rest).elements();
    if (open < 0) {
      if (left.isKnown() && given.isKnown() && !left.equals(given)) {
        throw op.broken(x.text() + " can't be given the shape " + out);
      }
      return out;
    }
    if (given.isKnown() && left.isKnown()) {
      boolean divides = given.value() != 0 ? left.value() % given.value() == 0 : left.value() == 0;
      if (!divides) {
        throw op.broken(x.text() + " can't be given the shape " + Arrays.toString(wanted));
      }
      out.set(open, given.value() == 0 ? Dim.of(0) : Dim.of(left.value() / given.value()));
    } else {
      out.set(open, given.is(0) ? OpaqueDims.of(op, 0, open) : left.dividedBy(given));
    }
    return out;
  }

  static long[] shape(Operation op, long[] from, long[] wanted) {
    boolean zeroCopies = op.intAttribute("allowzero") == 0;
    long[] out = wanted.clone();
    long given = 1;
    int open = -1;
    for (int i = 0; i < out.length; i++) {
      if (out[i] == 0 && zeroCopies) {
        if (i >= from.length) {
          throw op.broken("shape " + Arrays.toString(wanted) + " copies a dimension that " + Arrays.toString(from) + " lacks");
        }
        out[i] = from[i];
      }
      if (out[i] == -1 && open < 0) {
        open = i;
      } else if (out[i] < 0) {
        throw op.broken("shape " + Arrays.toString(wanted));
      } else {
        given = Math.multiplyExact(given, out[i]);
      }
    }
    long n = Tensor.count(from);
    if (open >= 0) {
      out[open] = given == 0 ? 0 : n / given;
    }
    if (Tensor.count(out) != n) {
      throw op.broken(Arrays.toString(from) + " can't be given the shape " + Arrays.toString(wanted));
    }
    return out;
  }
}
