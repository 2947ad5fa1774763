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

/** What {@code onnx.Pad} adds before and behind each axis, or with negative pads cuts off there. */
final class PaddingRule {
  private static final List<String> MODES = List.of("constant", "reflect", "edge", "wrap");

  private PaddingRule() {}

  static Inferred infer(Operation op) {
    TensorType x = op.operand(0).tensorType();
    Operands.lists(op, 1, 3);
    Operands.single(op, 2);
    mode(op);
    if (op.operand(2) != null && op.operand(2).tensorType().element() != x.element()) {
      throw op.broken("a constant of type " + op.operand(2).type().text() + " around " + x.text());
    }
    Value axesOperand = op.operand(3);
    Dim[] pads = op.operand(1).contents();
    long[] axes = axesOperand == null ? all(x.rank()) : Contents.known(axesOperand);
    if (pads == null || axes == null) {
      return Inferred.of(x.withShape(OpaqueDims.shape(op, 0, x.rank())));
    }
    requirePads(op, axes, pads.length, x.rank());
    List<Dim> shape = new ArrayList<>(x.shape());
    for (int i = 0; i < axes.length; i++) {
      int axis = Axes.index(op, axes[i], x.rank());
      Dim size = x.dim(axis).plus(pads[i]).plus(pads[i + axes.length]);
      if (size.isKnown() && size.value() < 0) {
        throw op.broken("axis " + axis + " of " + x.text() + " padded by " + pads[i] + " and " + pads[i + axes.length]);
      }
      shape.set(axis, size);
    }
    return Inferred.of(x.withShape(shape));
  }

  private static String mode(Operation op) {
    String mode = op.textAttribute("mode");
    if (!MODES.contains(mode)) {
      throw op.broken("mode = " + mode + ", known are " + MODES);
    }
    return mode;
  }

  private static long[] all(int rank) {
    long[] axes = new long[rank];
    Arrays.setAll(axes, i -> i);
    return axes;
  }

  private static void requirePads(Operation op, long[] axes, int pads, int rank) {
    Axes.marked(op, axes, rank);
    if (pads != 2 * axes.length) {
      throw op.broken(pads + " pads for " + axes.length + " axes");
    }
  }

  static Tensor evaluate(Operation op, Tensor x, Tensor pads, Tensor constant, Tensor axesOperand) {
    long[] axes = axesOperand == null ? all(x.rank()) : axesOperand.longs();
    requirePads(op, axes, pads.size(), x.rank());
    long[] shape = x.shape();
    long[][] sources = new long[x.rank()][];
    for (int a = 0; a < x.rank(); a++) {
      sources[a] = all((int) x.dim(a));
    }
    for (int i = 0; i < axes.length; i++) {
      int axis = Axes.index(op, axes[i], x.rank());
      sources[axis] = sources(op, x.dim(axis), pads.getLong(i), pads.getLong(i + axes.length));
      shape[axis] = sources[axis].length;
    }
    Tensor out = new Tensor(x.element(), shape);
    long[] index = new long[shape.length];
    for (int o = 0; o < out.size(); o++) {
      long from = 0;
      for (int a = 0; a < shape.length && from >= 0; a++) {
        long source = sources[a][(int) index[a]];
        from = source < 0 ? -1 : from * x.dim(a) + source;
      }
      if (from >= 0) {
        out.copy(o, x, (int) from);
      } else if (constant != null) {
        out.copy(o, constant, 0);
      }
      Strides.advance(index, shape);
    }
    return out;
  }

  /** For each place of a padded axis the place in x that it shows, or -1 for the constant. */
  private static long[] sources(Operation op, long d, long before, long behind) {
    // What negative pads cut off isn't there to be repeated either.
    long first = Math.max(0, -before);
    long left = d - first - Math.max(0, -behind);
    long size = Math.addExact(Math.addExact(d, before), behind);
    if (size < 0 || size > Integer.MAX_VALUE - 8) {
      throw op.broken("an axis of " + d + " padded by " + before + " and " + behind);
    }
    long[] sources = new long[(int) size];
    String mode = mode(op);
    for (int i = 0; i < sources.length; i++) {
      long at = i - Math.max(0, before);
      if (at >= 0 && at < left) {
        sources[i] = first + at;
      } else if (mode.equals("constant")) {
        sources[i] = -1;
      } else if (left <= 0) {
        throw op.broken("mode " + mode + " on an axis without elements");
      } else {
        sources[i] = first + switch (mode) {
          case "edge" -> Math.max(0, Math.min(left - 1, at));
          case "wrap" -> Math.floorMod(at, left);
          default -> reflected(at, left);
        };
      }
    }
    return sources;
  }

  private static long reflected(long at, long length) {
    if (length == 1) {
      return 0;
    }
    long turn = Math.floorMod(at, 2 * (length - 1));
    return Math.min(turn, 2 * (length - 1) - turn);
  }
}
