package dev.catena.ir.onnx;

import dev.catena.ir.Dim;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import java.util.Arrays;
import java.util.List;

/** How a kernel steps over the axes behind batch and channel: the attributes that convolutions and poolings share. */
final class SlidingWindow {
  private final Operation op;
  private final long[] kernel;
  private final long[] strides;
  private final long[] dilations;
  private final long[] pads;
  private final String autoPad;
  private final boolean roundsUp;

  /** @param kernel its size along each axis */
  SlidingWindow(Operation op, long[] kernel) {
    this.op = op;
    this.kernel = kernel;
    int axes = kernel.length;
    strides = attribute("strides", axes, 1);
    dilations = attribute("dilations", axes, 1);
    pads = attribute("pads", 2 * axes, 0);
    autoPad = op.textAttribute("auto_pad");
    roundsUp = op.hasAttribute("ceil_mode") && op.intAttribute("ceil_mode") != 0;
    if (!List.of("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID").contains(autoPad)) {
      throw op.broken("auto_pad = " + autoPad);
    }
    for (int i = 0; i < axes; i++) {
      long extent = Math.multiplyExact(kernel[i] - 1, dilations[i]) + 1;
      if (kernel[i] < 1 || strides[i] < 1 || dilations[i] < 1 || extent > Integer.MAX_VALUE || strides[i] > Integer.MAX_VALUE) {
        throw op.broken("kernel " + Arrays.toString(kernel) + ", strides " + Arrays.toString(strides) + ", dilations "
            + Arrays.toString(dilations));
      }
    }
    for (long p : pads) {
      if (p < 0 || p > Integer.MAX_VALUE) {
        throw op.broken("pads " + Arrays.toString(pads));
      }
    }
  }

  private long[] attribute(String name, int count, long otherwise) {
    if (op.attribute(name) == null) {
      long[] all = new long[count];
      Arrays.fill(all, otherwise);
      return all;
    }
    long[] given = op.intsAttribute(name).stream().mapToLong(Long::longValue).toArray();
    if (given.length != count) {
      throw op.broken(name + " = " + Arrays.toString(given) + ", " + count + " are needed");
    }
    return given;
  }

  /** The size of the kernel along each axis, as the attribute {@code kernel_shape} says. */
  static long[] kernelShape(Operation op, int axes) {
    long[] kernel = op.intsAttribute("kernel_shape").stream().mapToLong(Long::longValue).toArray();
    if (kernel.length != axes) {
      throw op.broken("kernel_shape = " + Arrays.toString(kernel) + " for " + axes + " axes");
    }
    return kernel;
  }

  long[] kernel() {
    return kernel;
  }

  long stride(int axis) {
    return strides[axis];
  }

  long dilation(int axis) {
    return dilations[axis];
  }

  /** How many elements the kernel spans along an axis. */
  long extent(int axis) {
    return (kernel[axis] - 1) * dilations[axis] + 1;
  }

  boolean isSame() {
    return autoPad.startsWith("SAME");
  }

  boolean padsMoreAtEnd() {
    return autoPad.equals("SAME_UPPER");
  }

  /** The padding as given, before or (end) behind an axis. */
  long givenPad(int axis, boolean end) {
    return autoPad.equals("NOTSET") ? pads[end ? kernel.length + axis : axis] : 0;
  }

  /** The number of places that the kernel takes along an axis of {@code d} elements. */
  Dim places(int axis, Dim d, int result) {
    if (d.isKnown()) {
      long n = places(axis, d.value());
      if (n < 0) {
        throw op.broken("a kernel of " + extent(axis) + " over an axis of " + d);
      }
      return Dim.of(n);
    }
    Dim stride = Dim.of(strides[axis]);
    if (isSame()) {
      return d.plus(Dim.of(strides[axis] - 1)).dividedBy(stride);
    }
    if (roundsUp) {
      return OpaqueDims.of(op, result, axis + 2);
    }
    Dim free = d.plus(Dim.of(givenPad(axis, false) + givenPad(axis, true) - extent(axis)));
    return free.plus(stride).dividedBy(stride);
  }

  /** The same for a known size; negative where the kernel fits nowhere. */
  long places(int axis, long d) {
    if (isSame()) {
      return (d + strides[axis] - 1) / strides[axis];
    }
    long begin = givenPad(axis, false);
    long free = d + begin + givenPad(axis, true) - extent(axis);
    if (free < 0) {
      return -1;
    }
    long n = (roundsUp ? free + strides[axis] - 1 : free) / strides[axis] + 1;
    // A last place that begins behind the elements holds none.
    return roundsUp && n > 1 && (n - 1) * strides[axis] >= d + begin ? n - 1 : n;
  }

  /** The padding before an axis of {@code d} elements, with that of auto_pad. */
  long before(int axis, long d) {
    if (!isSame()) {
      return givenPad(axis, false);
    }
    long total = Math.max(0, (places(axis, d) - 1) * strides[axis] + extent(axis) - d);
    return padsMoreAtEnd() ? total / 2 : total - total / 2;
  }

  /** Everything that a kernel does at one place, with the elements' indices. */
  @FunctionalInterface
  interface Tap {
    /** @param element the index of an element in its channel, or -1 where the kernel lies over padding */
    void at(int tap, int element);
  }

  /** Visits the kernel's elements at {@code place} over a channel of the given axes. */
  void visit(long[] place, long[] axes, Tap tap) {
    long[] index = new long[kernel.length];
    int taps = Tensor.count(kernel);
    for (int t = 0; t < taps; t++) {
      long element = 0;
      for (int a = 0; a < kernel.length && element >= 0; a++) {
        long at = place[a] * strides[a] - before(a, axes[a]) + index[a] * dilations[a];
        element = at < 0 || at >= axes[a] ? -1 : element * axes[a] + at;
      }
      tap.at(t, (int) element);
      Strides.advance(index, kernel);
    }
  }
}
