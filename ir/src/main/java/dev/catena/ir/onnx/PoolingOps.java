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
import java.util.Arrays;
import java.util.List;

/** The largest, or the mean, of what lies under a window over [batch, channels, …]. */
final class PoolingOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      pooling("MaxPool", "The largest element under each place of the window, and its index in all of x (storage_order 1: as if "
              + "the last axis but one came last).")
          .result("y").result("indices")
          .attribute("storage_order", Attribute.Int.class, Attribute.of(0))
          .shape(op -> {
            Inferred y = infer(op);
            return List.of(y, Inferred.of(((TensorType) y.type()).withElement(ElementType.I64)));
          })
          .meaning((op, in) -> largest(op, (Tensor) in.get(0))).build(),
      pooling("AveragePool", "The mean of the elements under each place of the window; padding counts if asked to.")
          .attribute("count_include_pad", Attribute.Int.class, Attribute.of(0))
          .shape(op -> List.of(infer(op)))
          .meaning((op, in) -> List.of(mean(op, (Tensor) in.get(0)))).build());

  private PoolingOps() {}

  private static OpDefinition.Builder pooling(String name, String doc) {
    return OpDefinition.named("onnx." + name, doc).operand("x")
        .attribute("auto_pad", Attribute.Text.class, Attribute.of("NOTSET"))
        .attribute("ceil_mode", Attribute.Int.class, Attribute.of(0))
        .attribute("dilations", Attribute.Ints.class, null)
        .attribute("kernel_shape", Attribute.Ints.class)
        .attribute("pads", Attribute.Ints.class, null)
        .attribute("strides", Attribute.Ints.class, null).traits(Trait.PURE);
  }

  private static Inferred infer(Operation op) {
    TensorType x = op.operand(0).tensorType();
    if (x.rank() < 3) {
      throw op.broken("operand of type " + x.text() + ", [batch, channels, …] is needed");
    }
    SlidingWindow window = new SlidingWindow(op, SlidingWindow.kernelShape(op, x.rank() - 2));
    List<Dim> shape = new ArrayList<>(x.shape().subList(0, 2));
    for (int a = 0; a < x.rank() - 2; a++) {
      shape.add(window.places(a, x.dim(a + 2), 0));
    }
    return Inferred.of(x.withShape(shape));
  }

  /** What is done at one place of the window over one channel. */
  @FunctionalInterface
  private interface Place {
    void at(int output, int channel, long[] place);
  }

  private static long[] axes(Tensor x) {
    return Arrays.copyOfRange(x.shape(), 2, x.rank());
  }

  private static long[] outputShape(Operation op, Tensor x, SlidingWindow window) {
    long[] shape = x.shape();
    for (int a = 0; a < x.rank() - 2; a++) {
      shape[a + 2] = window.places(a, x.dim(a + 2));
      if (shape[a + 2] < 0) {
        throw op.broken("a window of " + window.extent(a) + " over an axis of " + x.dim(a + 2));
      }
    }
    return shape;
  }

  private static void slide(long[] outputShape, Place body) {
    long[] places = Arrays.copyOfRange(outputShape, 2, outputShape.length);
    int perChannel = Tensor.count(places);
    int channels = Strides.count(outputShape, 0, 2);
    for (int channel = 0; channel < channels; channel++) {
      long[] place = new long[places.length];
      for (int p = 0; p < perChannel; p++) {
        body.at(channel * perChannel + p, channel, place);
        Strides.advance(place, places);
      }
    }
  }

  private static List<EvalValue> largest(Operation op, Tensor x) {
    SlidingWindow window = new SlidingWindow(op, SlidingWindow.kernelShape(op, x.rank() - 2));
    long[] shape = outputShape(op, x, window);
    long[] axes = axes(x);
    int perChannel = Tensor.count(axes);
    boolean columnsFirst = op.intAttribute("storage_order") != 0;
    Tensor values = new Tensor(x.element(), shape);
    Tensor indices = new Tensor(ElementType.I64, shape);
    slide(shape, (output, channel, place) -> {
      int[] best = {-1};
      window.visit(place, axes, (tap, element) -> {
        if (element >= 0 && (best[0] < 0 || SortingOps.compare(x, channel * perChannel + element, best[0]) > 0)) {
          best[0] = channel * perChannel + element;
        }
      });
      if (best[0] < 0) {
        values.set(output, x.element().isFloat() ? Double.NEGATIVE_INFINITY : 0);
        return;
      }
      values.copy(output, x, best[0]);
      indices.setLong(output, columnsFirst ? columnMajor(best[0], axes) : best[0]);
    });
    return List.of(values, indices);
  }

  /** The index within its channel counted along the columns first. */
  private static long columnMajor(int index, long[] axes) {
    int perChannel = Tensor.count(axes);
    int rest = index % perChannel;
    long turned = 0;
    for (int a = axes.length - 1; a >= 0; a--) {
      turned = turned + rest % axes[a] * Strides.count(axes, 0, a);
      rest /= (int) axes[a];
    }
    return (long) index / perChannel * perChannel + turned;
  }

  private static Tensor mean(Operation op, Tensor x) {
    SlidingWindow window = new SlidingWindow(op, SlidingWindow.kernelShape(op, x.rank() - 2));
    long[] shape = outputShape(op, x, window);
    long[] axes = axes(x);
    int perChannel = Tensor.count(axes);
    boolean padded = op.intAttribute("count_include_pad") != 0;
    Tensor out = new Tensor(x.element(), shape);
    slide(shape, (output, channel, place) -> {
      double[] sum = {0};
      int[] count = {0};
      window.visit(place, axes, (tap, element) -> {
        if (element >= 0) {
          sum[0] += x.get(channel * perChannel + element);
          count[0]++;
        }
      });
      out.set(output, sum[0] / (padded ? covered(window, place, axes) : count[0]));
    });
    return out;
  }

  /** How many elements of the window lie over x or its padding: what reaches beyond, by rounding up, doesn't count. */
  private static long covered(SlidingWindow window, long[] place, long[] axes) {
    long n = 1;
    for (int a = 0; a < axes.length; a++) {
      long before = window.before(a, axes[a]);
      long end = axes[a] + (window.isSame() ? window.extent(a) : window.givenPad(a, true));
      long from = place[a] * window.stride(a) - before;
      long inside = 0;
      for (long k = 0; k < window.kernel()[a]; k++) {
        inside += from + k * window.dilation(a) < end ? 1 : 0;
      }
      n *= inside;
    }
    return n;
  }
}
