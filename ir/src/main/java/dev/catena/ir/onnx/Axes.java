package dev.catena.ir.onnx;

import dev.catena.ir.Operation;
import java.util.Arrays;

/** Axes as ONNX writes them: negative ones count from the end. */
final class Axes {
  private Axes() {}

  /** {@code axis} as an index into a shape of {@code rank}; out of range is an error of {@code op}. */
  static int index(Operation op, long axis, int rank) {
    if (axis < -rank || axis >= rank) {
      throw op.broken("axis " + axis + " of a tensor of rank " + rank);
    }
    return (int) (axis < 0 ? axis + rank : axis);
  }

  /** The axis named by the attribute {@code axis}. */
  static int attribute(Operation op, int rank) {
    return index(op, op.intAttribute("axis"), rank);
  }

  /** Which axes of a shape of {@code rank} are named; naming one twice is an error of {@code op}. */
  static boolean[] marked(Operation op, long[] axes, int rank) {
    boolean[] marked = new boolean[rank];
    for (long a : axes) {
      int i = index(op, a, rank);
      if (marked[i]) {
        throw op.broken("axes " + Arrays.toString(axes) + " name one axis twice");
      }
      marked[i] = true;
    }
    return marked;
  }
}
