package dev.catena.ir.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.EvalValue;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Convolutions over [batch, channels, …]. Sums are kept in f64. */
final class ConvolutionOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      convolution("Conv", "Each output channel is the sum over its group's channels of x under the kernel w [out, in / group, "
              + "…], plus its bias; also of integers.")
          .shape(op -> List.of(inferConv(op)))
          .meaning((op, in) -> List.of(conv(op, in))).build(),
      convolution("ConvTranspose", "The transpose of a convolution: each element of x spreads over the places that the kernel w "
              + "[in, out / group, …] reaches.")
          .attribute("output_padding", Attribute.Ints.class, null)
          .attribute("output_shape", Attribute.Ints.class, null)
          .shape(op -> List.of(inferTransposed(op)))
          .meaning((op, in) -> List.of(transposed(op, in))).build());

  private ConvolutionOps() {}

  private static OpDefinition.Builder convolution(String name, String doc) {
    return OpDefinition.named("onnx." + name, doc).operand("x").operand("w").optional("bias")
        .attribute("auto_pad", Attribute.Text.class, Attribute.of("NOTSET"))
        .attribute("dilations", Attribute.Ints.class, null)
        .attribute("group", Attribute.Int.class, Attribute.of(1))
        .attribute("kernel_shape", Attribute.Ints.class, null)
        .attribute("pads", Attribute.Ints.class, null)
        .attribute("strides", Attribute.Ints.class, null).traits(Trait.PURE);
  }

  /** Checks what both kinds demand; gives the window over the axes behind the channels. */
  private static SlidingWindow window(Operation op) {
    Elementwise.sameElement(op);
    TensorType x = op.operand(0).tensorType();
    TensorType w = op.operand(1).tensorType();
    int axes = x.rank() - 2;
    if (axes < 1 || w.rank() != x.rank() || !w.isStatic()) {
      throw op.broken(x.text() + " under a kernel of type " + w.text() + "; a kernel of known size, of x's rank, is needed");
    }
    if (op.intAttribute("group") < 1) {
      throw op.broken("group = " + op.intAttribute("group"));
    }
    long[] kernel = Arrays.copyOfRange(w.staticShape(), 2, w.rank());
    if (op.attribute("kernel_shape") != null && !Arrays.equals(SlidingWindow.kernelShape(op, axes), kernel)) {
      throw op.broken("kernel_shape = " + op.intsAttribute("kernel_shape") + ", w is " + w.text());
    }
    return new SlidingWindow(op, kernel);
  }

  private static SlidingWindow window(Operation op, Tensor w) {
    return new SlidingWindow(op, Arrays.copyOfRange(w.shape(), 2, w.rank()));
  }

  private static void requireChannels(Operation op, Dim channels, Dim needed, long out) {
    if (channels.isKnown() && !channels.equals(needed) || out % op.intAttribute("group") != 0) {
      throw op.broken(op.operand(0).type().text() + " under " + op.operand(1).type().text() + " in "
          + op.intAttribute("group") + " groups");
    }
    Value bias = op.operand(2);
    if (bias != null && (bias.tensorType().rank() != 1 || bias.tensorType().dim(0).isKnown()
        && !bias.tensorType().dim(0).is(out))) {
      throw op.broken("a bias of type " + bias.type().text() + " for " + out + " channels");
    }
  }

  private static Inferred inferConv(Operation op) {
    SlidingWindow window = window(op);
    TensorType x = op.operand(0).tensorType();
    TensorType w = op.operand(1).tensorType();
    requireChannels(op, x.dim(1), w.dim(1).times(Dim.of(op.intAttribute("group"))), w.dim(0).value());
    List<Dim> shape = new ArrayList<>(List.of(x.dim(0), w.dim(0)));
    for (int a = 0; a < window.kernel().length; a++) {
      shape.add(window.places(a, x.dim(a + 2), 0));
    }
    return Inferred.of(x.withShape(shape));
  }

  private static Tensor conv(Operation op, List<EvalValue> in) {
    Tensor x = (Tensor) in.get(0);
    Tensor w = (Tensor) in.get(1);
    Tensor bias = in.size() > 2 ? (Tensor) in.get(2) : null;
    SlidingWindow window = window(op, w);
    int group = (int) op.intAttribute("group");
    int perGroup = (int) w.dim(1);
    int outputs = (int) w.dim(0);
    if (x.dim(1) != (long) perGroup * group) {
      throw op.broken(Arrays.toString(x.shape()) + " under " + Arrays.toString(w.shape()) + " in " + group + " groups");
    }
    long[] axes = Arrays.copyOfRange(x.shape(), 2, x.rank());
    long[] places = placesOf(op, window, axes);
    long[] shape = shape(x.dim(0), outputs, places);
    Tensor out = new Tensor(x.element(), shape);
    int channel = Tensor.count(axes);
    int perKernel = Tensor.count(window.kernel());
    int perOutput = Tensor.count(places);
    double[] sum = {0};
    for (int line = 0; line < x.dim(0) * outputs; line++) {
      int output = line % outputs;
      int first = (line / outputs * perGroup * group + output / (outputs / group) * perGroup) * channel;
      long[] place = new long[places.length];
      for (int p = 0; p < perOutput; p++) {
        sum[0] = bias == null ? 0 : bias.get(output);
        window.visit(place, axes, (tap, element) -> {
          for (int c = 0; element >= 0 && c < perGroup; c++) {
            sum[0] += x.get(first + c * channel + element) * w.get((output * perGroup + c) * perKernel + tap);
          }
        });
        out.set(line * perOutput + p, sum[0]);
        Strides.advance(place, places);
      }
    }
    return out;
  }

  private static long[] placesOf(Operation op, SlidingWindow window, long[] axes) {
    long[] places = new long[axes.length];
    for (int a = 0; a < axes.length; a++) {
      places[a] = window.places(a, axes[a]);
      if (places[a] < 0) {
        throw op.broken("a kernel of " + window.extent(a) + " over an axis of " + axes[a]);
      }
    }
    return places;
  }

  private static long[] shape(long batch, long channels, long[] axes) {
    long[] shape = new long[axes.length + 2];
    shape[0] = batch;
    shape[1] = channels;
    System.arraycopy(axes, 0, shape, 2, axes.length);
    return shape;
  }

  private static long extra(Operation op, int axis) {
    return op.attribute("output_padding") == null ? 0 : listed(op, "output_padding", axis);
  }

  private static long listed(Operation op, String name, int axis) {
    List<Long> all = op.intsAttribute(name);
    if (axis >= all.size() || all.get(axis) < 0 || all.get(axis) > Integer.MAX_VALUE) {
      throw op.broken(name + " = " + all);
    }
    return all.get(axis);
  }

  /** The output_shape of an axis; older files have those of batch and channels before it. */
  private static long wanted(Operation op, int axis, int axes) {
    int before = op.intsAttribute("output_shape").size() - axes;
    if (before != 0 && before != 2) {
      throw op.broken("output_shape = " + op.intsAttribute("output_shape") + " for " + axes + " axes");
    }
    return listed(op, "output_shape", axis + before);
  }

  /** How many elements an axis of {@code d} spreads over, without padding. */
  private static Dim spread(Operation op, SlidingWindow window, int axis, Dim d) {
    return d.minus(Dim.of(1)).times(Dim.of(window.stride(axis))).plus(Dim.of(window.extent(axis) + extra(op, axis)));
  }

  private static Dim spreadSize(Operation op, SlidingWindow window, int axis, Dim d) {
    if (op.attribute("output_shape") != null) {
      return Dim.of(wanted(op, axis, window.kernel().length));
    }
    if (window.isSame()) {
      return d.times(Dim.of(window.stride(axis)));
    }
    return spread(op, window, axis, d).minus(Dim.of(window.givenPad(axis, false) + window.givenPad(axis, true)));
  }

  /** What is cut off before an axis. */
  private static long cut(Operation op, SlidingWindow window, int axis, long d) {
    if (op.attribute("output_shape") == null && !window.isSame()) {
      return window.givenPad(axis, false);
    }
    // A wanted size beyond what is reached is filled up at the end.
    long total = Math.max(0, spread(op, window, axis, Dim.of(d)).value() - spreadSize(op, window, axis, Dim.of(d)).value());
    return window.padsMoreAtEnd() ? total / 2 : total - total / 2;
  }

  private static Inferred inferTransposed(Operation op) {
    SlidingWindow window = window(op);
    TensorType x = op.operand(0).tensorType();
    TensorType w = op.operand(1).tensorType();
    long outputs = Math.multiplyExact(w.dim(1).value(), op.intAttribute("group"));
    requireChannels(op, x.dim(1), w.dim(0), outputs);
    List<Dim> shape = new ArrayList<>(List.of(x.dim(0), Dim.of(outputs)));
    for (int a = 0; a < window.kernel().length; a++) {
      Dim size = spreadSize(op, window, a, x.dim(a + 2));
      if (size.isKnown() && size.value() < 0) {
        throw op.broken("an axis of " + size);
      }
      shape.add(size);
    }
    return Inferred.of(x.withShape(shape));
  }

  private static Tensor transposed(Operation op, List<EvalValue> in) {
    Tensor x = (Tensor) in.get(0);
    Tensor w = (Tensor) in.get(1);
    Tensor bias = in.size() > 2 ? (Tensor) in.get(2) : null;
    SlidingWindow window = window(op, w);
    int group = (int) op.intAttribute("group");
    int inputs = (int) x.dim(1);
    int perGroup = (int) w.dim(1);
    if (inputs != w.dim(0) || inputs % group != 0) {
      throw op.broken(Arrays.toString(x.shape()) + " under " + Arrays.toString(w.shape()) + " in " + group + " groups");
    }
    long[] axes = Arrays.copyOfRange(x.shape(), 2, x.rank());
    long[] spread = new long[axes.length];
    for (int a = 0; a < axes.length; a++) {
      spread[a] = spreadSize(op, window, a, Dim.of(axes[a])).value();
    }
    int outputs = perGroup * group;
    int channel = Tensor.count(axes);
    int spreadChannel = Tensor.count(spread);
    int perKernel = Tensor.count(window.kernel());
    double[] sums = new double[Tensor.count(shape(x.dim(0), outputs, spread))];
    for (int i = 0; bias != null && i < sums.length; i++) {
      sums[i] = bias.get(i / spreadChannel % outputs);
    }
    for (int i = 0; i < x.size(); i++) {
      int input = i / channel % inputs;
      int first = (i / channel / inputs * outputs + input / (inputs / group) * perGroup) * spreadChannel;
      long[] tapIndex = new long[axes.length];
      for (int tap = 0; tap < perKernel; tap++) {
        long to = 0;
        int rest = i % channel;
        long scale = 1;
        for (int a = axes.length - 1; a >= 0 && to >= 0; a--) {
          long at = rest % axes[a] * window.stride(a) + tapIndex[a] * window.dilation(a) - cut(op, window, a, axes[a]);
          rest /= (int) axes[a];
          to = at < 0 || at >= spread[a] ? -1 : to + at * scale;
          scale *= spread[a];
        }
        for (int o = 0; to >= 0 && o < perGroup; o++) {
          sums[first + o * spreadChannel + (int) to] += x.get(i) * w.get((input * perGroup + o) * perKernel + tap);
        }
        Strides.advance(tapIndex, window.kernel());
      }
    }
    Tensor out = new Tensor(x.element(), shape(x.dim(0), outputs, spread));
    for (int i = 0; i < sums.length; i++) {
      out.set(i, sums[i]);
    }
    return out;
  }
}
