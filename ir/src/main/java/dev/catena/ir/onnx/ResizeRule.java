package dev.catena.ir.onnx;

import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.Operation;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What {@code onnx.Resize} computes: one axis after the other, each element a mixture of a few neighbours. */
final class ResizeRule {
  private static final List<String> MODES = List.of("nearest", "linear", "cubic");
  private static final List<String> POLICIES = List.of("stretch", "not_larger", "not_smaller");

  /** An axis: elements before and after, the scale between them, and what part of it is looked at. */
  private record Axis(long from, long to, double scale, double start, double end) {}

  /** What one element is mixed of; outside the part that is looked at nothing is. */
  private record Taps(long[] places, double[] shares, boolean outside) {}

  private ResizeRule() {}

  static Inferred infer(Operation op) {
    TensorType x = op.operand(0).tensorType();
    Operands.lists(op, 3);
    if (!MODES.contains(op.textAttribute("mode")) || !POLICIES.contains(op.textAttribute("keep_aspect_ratio_policy"))) {
      throw op.broken("mode = " + op.textAttribute("mode") + ", keep_aspect_ratio_policy = "
          + op.textAttribute("keep_aspect_ratio_policy"));
    }
    if (op.intAttribute("antialias") != 0) {
      throw op.broken("antialias isn't supported");
    }
    Value scales = given(op.operand(2));
    Value sizes = given(op.operand(3));
    if ((scales == null) == (sizes == null)) {
      throw op.broken("needs either scales or sizes");
    }
    int[] axes = axes(op, x.rank());
    Tensor scale = scales == null ? null : scales.constant();
    Dim[] size = Contents.of(sizes);
    boolean stretched = op.textAttribute("keep_aspect_ratio_policy").equals("stretch");
    if (scale != null && scale.size() != axes.length || size != null && size.length != axes.length) {
      throw op.broken((scale != null ? scale.size() : size.length) + " scales or sizes for " + axes.length + " axes");
    }
    List<Dim> shape = new ArrayList<>(x.shape());
    for (int i = 0; i < axes.length; i++) {
      Dim d = x.dim(axes[i]);
      Dim known = null;
      if (scale != null) {
        known = d.isKnown() ? Dim.of(scaled(op, d.value(), scale.get(i))) : scale.get(i) == Math.rint(scale.get(i))
            ? d.times(Dim.of((long) scale.get(i))) : null;
      } else if (size != null && stretched) {
        known = size[i];
      }
      shape.set(axes[i], known != null ? known : OpaqueDims.of(op, 0, axes[i]));
    }
    if (size != null && stretched) {
      DataMovementOps.requireSizes(op, size);
    }
    return Inferred.of(x.withShape(shape));
  }

  /** An operand of no elements, as opset 11 wrote those that it had to give, is absent. */
  private static Value given(Value v) {
    return v == null || v.tensorType().rank() == 1 && v.tensorType().dim(0).is(0) ? null : v;
  }

  private static Tensor given(Tensor t) {
    return t == null || t.size() == 0 ? null : t;
  }

  private static int[] axes(Operation op, int rank) {
    if (op.attribute("axes") == null) {
      int[] all = new int[rank];
      Arrays.setAll(all, i -> i);
      return all;
    }
    long[] listed = op.intsAttribute("axes").stream().mapToLong(Long::longValue).toArray();
    Axes.marked(op, listed, rank);
    return Arrays.stream(listed).mapToInt(a -> Axes.index(op, a, rank)).toArray();
  }

  /** Computed in f32, as ONNX Runtime does: 10 · 0.7 is 7. */
  private static long scaled(Operation op, long d, double scale) {
    if (!(scale > 0)) {
      throw op.broken("a scale of " + scale);
    }
    double size = Math.floor((float) (d * (float) scale));
    if (size > Integer.MAX_VALUE - 8) {
      throw op.broken("an axis of " + d + " scaled by " + scale);
    }
    return (long) size;
  }

  static Tensor evaluate(Operation op, Tensor x, Tensor roi, Tensor scalesOperand, Tensor sizesOperand) {
    Tensor scales = given(scalesOperand);
    Tensor sizes = given(sizesOperand);
    int[] axes = axes(op, x.rank());
    if ((scales != null ? scales.size() : sizes.size()) != axes.length) {
      throw op.broken("scales or sizes for other than " + axes.length + " axes");
    }
    boolean cropped = op.textAttribute("coordinate_transformation_mode").equals("tf_crop_and_resize");
    if (cropped && (roi == null || roi.size() != 2 * axes.length)) {
      throw op.broken("needs a region of two numbers for each of " + axes.length + " axes");
    }
    double common = sizes == null ? 0 : commonScale(op, x, sizes, axes);
    Tensor out = x.element() == ElementType.F64 ? x : x.cast(ElementType.F64);
    for (int i = 0; i < axes.length; i++) {
      long d = x.dim(axes[i]);
      long size = scales != null ? scaled(op, d, scales.get(i)) : common > 0 ? (long) Math.floor(common * d + 0.5)
          : sizes.getLong(i);
      double scale = scales != null ? (float) scales.get(i) : common > 0 ? common : (double) size / d;
      out = resized(op, out, axes[i], new Axis(d, size, scale, cropped ? roi.get(i) : 0,
          cropped ? roi.get(i + axes.length) : 1));
    }
    if (x.element().isFloat()) {
      return out.cast(x.element());
    }
    return rounded(op, out, x.element());
  }

  /** Mixtures of integers are rounded to the nearest. */
  private static Tensor rounded(Operation op, Tensor reals, ElementType type) {
    Tensor whole = new Tensor(type, reals.shape());
    boolean picked = op.textAttribute("mode").equals("nearest");
    for (int i = 0; i < reals.size(); i++) {
      whole.set(i, picked ? reals.get(i) : (long) reals.get(i));
    }
    return whole;
  }

  /** The one scale of all axes where the ratio of their sizes is kept, else 0. */
  private static double commonScale(Operation op, Tensor x, Tensor sizes, int[] axes) {
    String policy = op.textAttribute("keep_aspect_ratio_policy");
    if (policy.equals("stretch")) {
      return 0;
    }
    double scale = policy.equals("not_larger") ? Double.POSITIVE_INFINITY : 0;
    for (int i = 0; i < axes.length; i++) {
      double own = (double) sizes.getLong(i) / x.dim(axes[i]);
      scale = policy.equals("not_larger") ? Math.min(scale, own) : Math.max(scale, own);
    }
    return scale;
  }

  private static Tensor resized(Operation op, Tensor x, int axis, Axis a) {
    if (a.from == a.to && a.scale == 1 && a.start == 0 && a.end == 1) {
      return x;
    }
    if (a.from == 0 && a.to > 0) {
      throw op.broken("an axis without elements can't grow");
    }
    long[] shape = x.shape();
    shape[axis] = a.to;
    Tensor out = new Tensor(ElementType.F64, shape);
    Rows from = Rows.along(x, axis);
    Rows to = new Rows(from.outer(), (int) a.to, from.inner());
    for (int i = 0; i < a.to; i++) {
      Taps taps = taps(op, a, i);
      for (int r = 0; r < from.count(); r++) {
        double sum = taps.outside ? op.realAttribute("extrapolation_value") : 0;
        for (int t = 0; t < taps.places.length; t++) {
          sum += taps.shares[t] * x.get(from.at(r, (int) taps.places[t]));
        }
        out.set(to.at(r, i), sum);
      }
    }
    return out;
  }

  /** Where element {@code i} of the result lies in the original axis. */
  private static double place(Operation op, Axis a, int i) {
    double half = (i + 0.5) / a.scale - 0.5;
    return switch (op.textAttribute("coordinate_transformation_mode")) {
      case "half_pixel" -> half;
      case "half_pixel_symmetric" -> a.from / 2.0 * (1 - a.to / (a.scale * a.from)) + half;
      case "pytorch_half_pixel" -> a.to > 1 ? half : 0;
      case "align_corners" -> a.to > 1 ? i * (a.from - 1.0) / (a.to - 1) : 0;
      case "asymmetric" -> i / a.scale;
      case "tf_half_pixel_for_nn" -> (i + 0.5) / a.scale;
      case "tf_crop_and_resize" -> a.to > 1
          ? a.start * (a.from - 1) + i * (a.end - a.start) * (a.from - 1) / (a.to - 1)
          : 0.5 * (a.start + a.end) * (a.from - 1);
      default -> throw op.broken("coordinate_transformation_mode = " + op.textAttribute("coordinate_transformation_mode"));
    };
  }

  private static Taps taps(Operation op, Axis a, int i) {
    double place = place(op, a, i);
    boolean cropped = op.textAttribute("coordinate_transformation_mode").equals("tf_crop_and_resize");
    if (cropped && (place < 0 || place > a.from - 1)) {
      return new Taps(new long[0], new double[0], true);
    }
    return switch (op.textAttribute("mode")) {
      case "nearest" -> held(new long[] {nearest(op, place)}, new double[] {1}, a);
      case "linear" -> {
        long low = (long) Math.floor(place);
        yield held(new long[] {low, low + 1}, new double[] {1 - (place - low), place - low}, a);
      }
      default -> cubic(op, place, a);
    };
  }

  private static long nearest(Operation op, double place) {
    return (long) switch (op.textAttribute("nearest_mode")) {
      case "round_prefer_floor" -> Math.ceil(place - 0.5);
      case "round_prefer_ceil" -> Math.floor(place + 0.5);
      case "floor" -> Math.floor(place);
      case "ceil" -> Math.ceil(place);
      default -> throw op.broken("nearest_mode = " + op.textAttribute("nearest_mode"));
    };
  }

  /** Keys, "Cubic convolution interpolation for digital image processing" (1981), equation 4 with a free coefficient. */
  private static Taps cubic(Operation op, double place, Axis axis) {
    double a = op.realAttribute("cubic_coeff_a");
    long low = (long) Math.floor(place);
    long[] places = {low - 1, low, low + 1, low + 2};
    double[] shares = new double[4];
    double sum = 0;
    for (int t = 0; t < 4; t++) {
      double d = Math.abs(place - places[t]);
      shares[t] = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
      if (op.intAttribute("exclude_outside") != 0 && (places[t] < 0 || places[t] >= axis.from)) {
        shares[t] = 0;
      }
      sum += shares[t];
    }
    for (int t = 0; t < 4 && op.intAttribute("exclude_outside") != 0; t++) {
      shares[t] /= sum;
    }
    return held(places, shares, axis);
  }

  /** Beyond its ends an axis goes on with its last element. */
  private static Taps held(long[] places, double[] shares, Axis a) {
    for (int t = 0; t < places.length; t++) {
      places[t] = Math.max(0, Math.min(a.from - 1, places[t]));
    }
    return new Taps(places, shares, false);
  }
}
