package dev.catena.codegen.tensor.onnx;

import static dev.catena.codegen.tensor.onnx.Scalars.add;
import static dev.catena.codegen.tensor.onnx.Scalars.apply;
import static dev.catena.codegen.tensor.onnx.Scalars.constant;
import static dev.catena.codegen.tensor.onnx.Scalars.divide;
import static dev.catena.codegen.tensor.onnx.Scalars.less;
import static dev.catena.codegen.tensor.onnx.Scalars.multiply;
import static dev.catena.codegen.tensor.onnx.Scalars.select;
import static dev.catena.codegen.tensor.onnx.Scalars.subtract;

import dev.catena.codegen.tensor.Array;
import dev.catena.codegen.tensor.BinaryFunction;
import dev.catena.codegen.tensor.Failure;
import dev.catena.codegen.tensor.Index;
import dev.catena.codegen.tensor.OperationCode;
import dev.catena.codegen.tensor.OperationSite;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.ScalarType;
import dev.catena.codegen.tensor.TensorBuilder;
import dev.catena.codegen.tensor.UnaryFunction;
import dev.catena.ir.ElementType;
import dev.catena.ir.NarrowFloat;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** {@code onnx.Resize}: one axis after the other, in f64; each element a mixture of one, two or four neighbours. */
final class ResizeCode {
    /** The axes are an attribute, never an operand. */
    private static final int NO_OPERAND = Integer.MAX_VALUE;

    private ResizeCode() {}

    static void addTo(Map<String, OperationCode> codes) {
        codes.put("onnx.Resize", ResizeCode::resize);
    }

    private static boolean given(OperationSite site, int operand) {
        return site.has(operand) && !(site.operand(operand).rank() == 1 && Index.is(site.operand(operand).dim(0), 0));
    }

    private static List<Array> resize(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.inMemory(site.operand(0));
        List<Integer> axes = site.axes(NO_OPERAND, "axes", x.rank());
        if (axes == null) {
            axes = new ArrayList<>();
            for (int axis = 0; axis < x.rank(); axis++) {
                axes.add(axis);
            }
        }
        boolean scaled = given(site, 2);
        List<Scalar> sizes = scaled ? List.of() : site.integers(3);
        List<Scalar> scales = new ArrayList<>();
        List<Scalar> targets = new ArrayList<>();
        Scalar common = scaled ? null : commonScale(site, x, axes, sizes);
        for (int i = 0; i < axes.size(); i++) {
            Scalar d = real(x.dim(axes.get(i)));
            if (scaled) {
                Scalar scale = b.define(site.operand(2).at(List.of(Index.of(i))));
                b.check(b.define(less(constant(ScalarType.F32, 0), scale)), Failure.VALUE);
                // In f32, as ONNX Runtime does: 10 · 0.7 is 7.
                Scalar size = apply(UnaryFunction.FLOOR, multiply(OperationSite.convert(d, ScalarType.F32), scale));
                scales.add(real(scale));
                targets.add(b.define(OperationSite.convert(size, ScalarType.INDEX)));
            } else if (common != null) {
                scales.add(common);
                targets.add(b.define(OperationSite.convert(apply(UnaryFunction.FLOOR, add(multiply(common, d), f64(0.5))), ScalarType.INDEX)));
            } else {
                scales.add(b.define(divide(real(sizes.get(i)), d)));
                targets.add(sizes.get(i));
            }
        }
        List<Scalar> dims = new ArrayList<>(x.dims());
        for (int i = 0; i < axes.size(); i++) {
            b.check(Index.or(Index.equal(targets.get(i), Index.ZERO), Index.less(Index.ZERO, x.dim(axes.get(i)))), Failure.SHAPE);
            dims.set(axes.get(i), targets.get(i));
        }
        List<Scalar> agreed = site.dims(dims);
        Array from = Array.computed(ElementType.F64, x.dims(), List.of(x), index -> real(x.at(index)));
        for (int i = 0; i < axes.size(); i++) {
            boolean unchanged = scaled && scales.get(i) instanceof Scalar.Convert c && c.x() instanceof Scalar.Literal l && l.real() == 1
                    && !site.operation().textAttribute("coordinate_transformation_mode").equals("tf_crop_and_resize");
            if (!unchanged) {
                from = resized(site, b.inMemory(from), axes.get(i), agreed.get(axes.get(i)), b.define(scales.get(i)), i, axes.size());
            }
        }
        Array result = from;
        ElementType element = site.resultElement();
        return List.of(Array.computed(element, agreed, List.of(result),
                index -> ElementwiseCode.converted(result.at(index), element, true, NarrowFloat.RoundMode.UP)));
    }

    private static Scalar real(Scalar x) {
        return OperationSite.convert(x, ScalarType.F64);
    }

    private static Scalar f64(double value) {
        return constant(ScalarType.F64, value);
    }

    /** The one scale of all axes where the ratio of their sizes is kept, else null. */
    private static Scalar commonScale(OperationSite site, Array x, List<Integer> axes, List<Scalar> sizes) {
        String policy = site.operation().textAttribute("keep_aspect_ratio_policy");
        if (policy.equals("stretch")) {
            return null;
        }
        Scalar scale = null;
        for (int i = 0; i < axes.size(); i++) {
            Scalar own = divide(real(sizes.get(i)), real(x.dim(axes.get(i))));
            scale = scale == null ? own
                    : apply(policy.equals("not_larger") ? BinaryFunction.MINIMUM : BinaryFunction.MAXIMUM, scale, own);
        }
        return site.builder().define(scale);
    }

    private static Array resized(OperationSite site, Array x, int axis, Scalar to, Scalar scale, int number, int axes) {
        List<Scalar> dims = new ArrayList<>(x.dims());
        dims.set(axis, to);
        Scalar from = real(x.dim(axis));
        boolean cropped = site.operation().textAttribute("coordinate_transformation_mode").equals("tf_crop_and_resize");
        return Array.computed(ElementType.F64, dims, List.of(x), index -> {
            Scalar place = place(site, from, to, scale, real(index.get(axis)), number, axes);
            Scalar value = mixture(site, x, axis, from, place, index);
            Scalar outside = apply(BinaryFunction.OR, less(place, f64(0)), less(subtract(from, f64(1)), place));
            return cropped ? select(outside, f64(site.operation().realAttribute("extrapolation_value")), value) : value;
        });
    }

    /** Where element {@code i} of the result lies in the original axis. */
    private static Scalar place(OperationSite site, Scalar from, Scalar to, Scalar scale, Scalar i, int number, int axes) {
        Scalar one = f64(1);
        Scalar half = subtract(divide(add(i, f64(0.5)), scale), f64(0.5));
        Scalar several = Index.less(Index.ONE, to);
        Scalar steps = apply(BinaryFunction.MAXIMUM, one, subtract(real(to), one));
        return switch (site.operation().textAttribute("coordinate_transformation_mode")) {
            case "half_pixel" -> half;
            case "half_pixel_symmetric" -> add(multiply(divide(from, f64(2)), subtract(one, divide(real(to), multiply(scale, from)))), half);
            case "pytorch_half_pixel" -> select(several, half, f64(0));
            case "align_corners" -> select(several, divide(multiply(i, subtract(from, one)), steps), f64(0));
            case "asymmetric" -> divide(i, scale);
            case "tf_half_pixel_for_nn" -> divide(add(i, f64(0.5)), scale);
            case "tf_crop_and_resize" -> {
                Scalar start = real(site.operand(1).at(List.of(Index.of(number))));
                Scalar end = real(site.operand(1).at(List.of(Index.of(number + axes))));
                Scalar last = subtract(from, one);
                yield select(several, add(multiply(start, last), divide(multiply(multiply(i, subtract(end, start)), last), steps)),
                        multiply(f64(0.5), multiply(add(start, end), last)));
            }
            default -> throw site.builder().refuse("coordinate_transformation_mode = "
                    + site.operation().textAttribute("coordinate_transformation_mode"));
        };
    }

    private static Scalar mixture(OperationSite site, Array x, int axis, Scalar from, Scalar place, List<Scalar> index) {
        Scalar low = apply(UnaryFunction.FLOOR, place);
        Scalar one = f64(1);
        return switch (site.operation().textAttribute("mode")) {
            case "nearest" -> at(x, axis, from, nearest(site, place), index);
            case "linear" -> {
                Scalar part = subtract(place, low);
                yield add(multiply(subtract(one, part), at(x, axis, from, low, index)), multiply(part, at(x, axis, from, add(low, one), index)));
            }
            default -> cubic(site, x, axis, from, place, low, index);
        };
    }

    /** Keys, "Cubic convolution interpolation for digital image processing" (1981), equation 4 with a free coefficient. */
    private static Scalar cubic(OperationSite site, Array x, int axis, Scalar from, Scalar place, Scalar low, List<Scalar> index) {
        double a = site.operation().realAttribute("cubic_coeff_a");
        boolean exclude = site.operation().intAttribute("exclude_outside") != 0;
        Scalar sum = f64(0);
        Scalar shares = f64(0);
        for (int t = -1; t <= 2; t++) {
            Scalar at = add(low, f64(t));
            Scalar d = apply(UnaryFunction.ABSOLUTE, subtract(place, at));
            Scalar near = add(multiply(multiply(subtract(multiply(f64(a + 2), d), f64(a + 3)), d), d), f64(1));
            Scalar far = subtract(multiply(add(multiply(subtract(multiply(f64(a), d), f64(5 * a)), d), f64(8 * a)), d), f64(4 * a));
            Scalar share = select(apply(BinaryFunction.LESS_OR_EQUAL, d, f64(1)), near, far);
            if (exclude) {
                share = select(apply(BinaryFunction.OR, less(at, f64(0)), apply(BinaryFunction.LESS_OR_EQUAL, from, at)), f64(0), share);
            }
            shares = add(shares, share);
            sum = add(sum, multiply(share, at(x, axis, from, at, index)));
        }
        return exclude ? divide(sum, shares) : sum;
    }

    private static Scalar nearest(OperationSite site, Scalar place) {
        return switch (site.operation().textAttribute("nearest_mode")) {
            case "round_prefer_floor" -> apply(UnaryFunction.CEIL, subtract(place, f64(0.5)));
            case "round_prefer_ceil" -> apply(UnaryFunction.FLOOR, add(place, f64(0.5)));
            case "floor" -> apply(UnaryFunction.FLOOR, place);
            default -> apply(UnaryFunction.CEIL, place);
        };
    }

    /** Beyond its ends an axis goes on with its last element. */
    private static Scalar at(Array x, int axis, Scalar from, Scalar place, List<Scalar> index) {
        Scalar held = apply(BinaryFunction.MAXIMUM, f64(0), apply(BinaryFunction.MINIMUM, subtract(from, f64(1)), place));
        List<Scalar> at = new ArrayList<>(index);
        at.set(axis, OperationSite.convert(held, ScalarType.INDEX));
        return x.at(at);
    }
}
