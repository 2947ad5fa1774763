package dev.catena.codegen.tensor.onnx;

import static dev.catena.codegen.tensor.onnx.Scalars.add;
import static dev.catena.codegen.tensor.onnx.Scalars.apply;
import static dev.catena.codegen.tensor.onnx.Scalars.constant;
import static dev.catena.codegen.tensor.onnx.Scalars.divide;
import static dev.catena.codegen.tensor.onnx.Scalars.multiply;
import static dev.catena.codegen.tensor.onnx.Scalars.rounded;
import static dev.catena.codegen.tensor.onnx.Scalars.select;
import static dev.catena.codegen.tensor.onnx.Scalars.subtract;

import dev.catena.codegen.tensor.Array;
import dev.catena.codegen.tensor.BinaryFunction;
import dev.catena.codegen.tensor.Buffer;
import dev.catena.codegen.tensor.Index;
import dev.catena.codegen.tensor.Nest;
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
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;

/** Sums and other reductions, softmax and normalizations: sequences of nests, the reduced values in memory between them. */
final class ReductionCode {
    private ReductionCode() {}

    static void addTo(Map<String, OperationCode> codes) {
        UnaryOperator<Scalar> same = x -> x;
        codes.put("onnx.ReduceSum", site -> reduce(site, BinaryFunction.ADD, 0, same, (x, n) -> x));
        codes.put("onnx.ReduceMean", site -> reduce(site, BinaryFunction.ADD, 0, same, ReductionCode::over));
        codes.put("onnx.ReduceProd", site -> reduce(site, BinaryFunction.MULTIPLY, 1, same, (x, n) -> x));
        codes.put("onnx.ReduceSumSquare", site -> reduce(site, BinaryFunction.ADD, 0, x -> multiply(x, x), (x, n) -> x));
        codes.put("onnx.ReduceL2", site -> reduce(site, BinaryFunction.ADD, 0, x -> multiply(x, x), (x, n) -> root(x)));
        codes.put("onnx.ReduceMax", site -> extremum(site, BinaryFunction.MAXIMUM));
        codes.put("onnx.ReduceMin", site -> extremum(site, BinaryFunction.MINIMUM));
        codes.put("onnx.ArgMax", site -> place(site, BinaryFunction.MAXIMUM));
        codes.put("onnx.ArgMin", site -> place(site, BinaryFunction.MINIMUM));
        codes.put("onnx.Softmax", site -> softmax(site, false));
        codes.put("onnx.LogSoftmax", site -> softmax(site, true));
        codes.put("onnx.LayerNormalization", ReductionCode::layerNormalization);
        codes.put("onnx.RMSNormalization", ReductionCode::rmsNormalization);
        codes.put("onnx.SimplifiedLayerNormalization", ReductionCode::rmsNormalization);
        codes.put("onnx.CumSum", ReductionCode::cumulativeSum);
    }

    private static Scalar over(Scalar sum, Scalar count) {
        Scalar n = OperationSite.convert(count, sum.type());
        return sum.type().isFloat() ? divide(sum, n) : new Scalar.Division(BinaryFunction.QUOTIENT, sum, n, -1);
    }

    private static Scalar root(Scalar x) {
        return x.type().isFloat() ? apply(UnaryFunction.SQUARE_ROOT, x)
                : OperationSite.convert(apply(UnaryFunction.SQUARE_ROOT, OperationSite.convert(x, ScalarType.F64)), x.type());
    }

    /** Which axes are reduced, and of how many elements; a mark is a literal unless the axes are known only when it runs. */
    private record Axes(List<Scalar> marks, Scalar count) {}

    /** Null where nothing is reduced. */
    private static Axes axes(OperationSite site) {
        Array x = site.operand(0);
        TensorBuilder b = site.builder();
        List<Scalar> named = site.has(1) ? site.integers(1) : List.of();
        if (site.has(1) && site.operand(1).rank() == 1 && Index.is(site.operand(1).dim(0), 0)) {
            named = List.of();
        }
        List<Scalar> marks = new ArrayList<>();
        if (named.isEmpty()) {
            if (site.operation().intAttribute("noop_with_empty_axes", 0) != 0) {
                return null;
            }
            x.dims().forEach(dim -> marks.add(Index.truth(true)));
        } else {
            marks.addAll(MovementCode.marked(site, named, x.rank()));
        }
        Scalar count = Index.ONE;
        for (int axis = 0; axis < x.rank(); axis++) {
            count = Index.multiply(count, Index.select(marks.get(axis), x.dim(axis), Index.ONE));
        }
        return new Axes(marks, b.define(count));
    }

    private static List<Array> reduce(OperationSite site, BinaryFunction function, long start, UnaryOperator<Scalar> each,
            BiFunction<Scalar, Scalar, Scalar> finish) {
        Axes axes = axes(site);
        Array x = site.operand(0);
        ElementType element = site.resultElement();
        if (axes == null) {
            return ElementwiseCode.mapped(site, v -> finish.apply(each.apply(v), Index.ONE));
        }
        return List.of(reduce(site, x, axes, element, function, constant(x.type(), start), each,
                v -> rounded(element, finish.apply(v, axes.count()))));
    }

    private static Array reduce(OperationSite site, Array x, Axes axes, ElementType element, BinaryFunction function, Scalar start,
            UnaryOperator<Scalar> each, UnaryOperator<Scalar> finish) {
        TensorBuilder b = site.builder();
        List<Scalar> kept = new ArrayList<>();
        List<Scalar> reduced = new ArrayList<>();
        for (int axis = 0; axis < x.rank(); axis++) {
            kept.add(b.define(Index.select(axes.marks().get(axis), Index.ONE, x.dim(axis))));
            reduced.add(b.define(Index.select(axes.marks().get(axis), x.dim(axis), Index.ONE)));
        }
        List<Scalar.Loop> outer = b.loops(kept);
        List<Scalar.Loop> inner = b.loops(reduced);
        List<Scalar> index = new ArrayList<>();
        List<Scalar.Loop> walked = new ArrayList<>();
        for (int axis = 0; axis < x.rank(); axis++) {
            Scalar mark = axes.marks().get(axis);
            boolean isReduced = !Index.is(mark, 0);
            boolean isKept = !Index.is(mark, 1);
            Scalar place = isKept ? outer.get(axis).counter() : Index.ZERO;
            if (isReduced) {
                walked.add(inner.get(axis));
                place = Index.add(place, inner.get(axis).counter());
            }
            index.add(place);
        }
        boolean keep = site.operation().intAttribute("keepdims", 1) != 0;
        List<Scalar> dims = site.dims(keep ? kept : MovementCode.unmarked(site, x.dims(), axes.marks(), site.resultType().rank()));
        Buffer output = b.allocate(element, dims);
        Scalar value = new Scalar.Reduce(function, start, walked, each.apply(x.at(index)));
        b.compute(Nest.of(output, outer, finish.apply(value)));
        return Array.of(output);
    }

    private static List<Array> extremum(OperationSite site, BinaryFunction function) {
        Array x = site.operand(0);
        Axes axes = axes(site);
        if (axes == null) {
            return List.of(x);
        }
        boolean truth = x.type() == ScalarType.BOOL;
        BinaryFunction used = !truth ? function : function == BinaryFunction.MAXIMUM ? BinaryFunction.OR : BinaryFunction.AND;
        Scalar start = function == BinaryFunction.MAXIMUM ? Scalars.least(x.type()) : Scalars.largest(x.type());
        return List.of(reduce(site, x, axes, x.element(), used, start, v -> v, v -> v));
    }

    /** A reduction that keeps its axes as 1. */
    static Array along(OperationSite site, Array x, boolean[] axes, ElementType element, BinaryFunction function, Scalar start,
            UnaryOperator<Scalar> each, UnaryOperator<Scalar> finish) {
        List<Scalar> dims = new ArrayList<>();
        for (int axis = 0; axis < x.rank(); axis++) {
            dims.add(axes[axis] ? Index.ONE : x.dim(axis));
        }
        TensorBuilder b = site.builder();
        List<Scalar.Loop> outer = b.loops(dims);
        List<Scalar.Loop> inner = new ArrayList<>();
        List<Scalar> index = new ArrayList<>();
        for (int axis = 0; axis < x.rank(); axis++) {
            if (axes[axis]) {
                inner.add(b.loop(x.dim(axis)));
                index.add(inner.get(inner.size() - 1).counter());
            } else {
                index.add(outer.get(axis).counter());
            }
        }
        Buffer output = b.allocate(element, dims);
        b.compute(Nest.of(output, outer, finish.apply(new Scalar.Reduce(function, start, inner, each.apply(x.at(index))))));
        return Array.of(output);
    }

    private static Array sumOf(OperationSite site, Array x, Array max, boolean[] axes) {
        TensorBuilder b = site.builder();
        Array shifted = Array.computed(wide(x.element()), x.dims(), List.of(x, max), index -> apply(UnaryFunction.EXP,
                subtract(x.at(index), max.at(collapsed(index, axes)))));
        return along(site, shifted, axes, wide(x.element()), BinaryFunction.ADD, constant(x.type(), 0), v -> v, v -> v);
    }

    /** What sums of reals are kept in. */
    static ElementType wide(ElementType element) {
        return element == ElementType.F64 ? element : ElementType.F32;
    }

    static List<Scalar> collapsed(List<Scalar> index, boolean[] axes) {
        List<Scalar> kept = new ArrayList<>(index);
        for (int axis = 0; axis < axes.length; axis++) {
            if (axes[axis]) {
                kept.set(axis, Index.ZERO);
            }
        }
        return kept;
    }

    private static List<Array> softmax(OperationSite site, boolean logarithm) {
        Array x = site.operand(0);
        if (x.rank() == 0) {
            return ElementwiseCode.mapped(site, v -> constant(v.type(), logarithm ? 0 : 1));
        }
        int axis = site.axis(site.operation().intAttribute("axis"), x.rank());
        Array result = softmax(site, site.builder().inMemory(x), axis, logarithm, site.resultElement());
        return List.of(result);
    }

    /** Softmax of what lies in memory, along an axis. */
    static Array softmax(OperationSite site, Array x, int axis, boolean logarithm, ElementType element) {
        TensorBuilder b = site.builder();
        boolean[] axes = new boolean[x.rank()];
        axes[axis] = true;
        Array max = along(site, x, axes, x.element(), BinaryFunction.MAXIMUM, Scalars.least(x.type()), v -> v, v -> v);
        if (logarithm) {
            Array sum = sumOf(site, x, max, axes);
            return Array.computed(element, x.dims(), List.of(x, max, sum), index -> rounded(element, subtract(
                    subtract(x.at(index), max.at(collapsed(index, axes))), apply(UnaryFunction.LOG, sum.at(collapsed(index, axes))))));
        }
        Array powers = b.inMemory(Array.computed(wide(x.element()), x.dims(), List.of(x, max),
                index -> apply(UnaryFunction.EXP, subtract(x.at(index), max.at(collapsed(index, axes))))));
        Array sum = along(site, powers, axes, wide(x.element()), BinaryFunction.ADD, constant(x.type(), 0), v -> v, v -> v);
        return Array.computed(element, x.dims(), List.of(powers, sum),
                index -> rounded(element, divide(powers.at(index), sum.at(collapsed(index, axes)))));
    }

    /** The element type of intermediate results: what the attribute stash_type says, by its number in ONNX. */
    private static ScalarType computedIn(Array x) {
        return x.element() == ElementType.F64 ? ScalarType.F64 : ScalarType.F32;
    }

    private static List<Array> layerNormalization(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.inMemory(site.operand(0));
        boolean[] axes = from(site, x);
        ElementType stash = wide(x.element());
        Scalar count = b.define(Index.product(reducedDims(x, axes)));
        Scalar n = OperationSite.convert(count, ScalarType.of(stash));
        Array mean = along(site, x, axes, stash, BinaryFunction.ADD, constant(computedIn(x), 0), v -> v, v -> divide(v, n));
        Array centred = Array.computed(stash, x.dims(), List.of(x, mean), index -> subtract(x.at(index), mean.at(collapsed(index, axes))));
        Scalar epsilon = constant(computedIn(x), site.operation().realAttribute("epsilon"));
        Array inverse = along(site, centred, axes, stash, BinaryFunction.ADD, constant(computedIn(x), 0), v -> multiply(v, v),
                v -> divide(constant(v.type(), 1.0), apply(UnaryFunction.SQUARE_ROOT, add(divide(v, n), epsilon))));
        List<Scalar> dims = site.dims(x.dims());
        Array scale = b.broadcast(site.operand(1), dims);
        Array bias = site.has(2) ? b.broadcast(site.operand(2), dims) : null;
        ElementType element = site.resultElement();
        Array y = Array.computed(element, dims, bias == null ? List.of(centred, inverse, scale) : List.of(centred, inverse, scale, bias), index -> {
            Scalar normal = multiply(centred.at(index), inverse.at(collapsed(index, axes)));
            Scalar scaled = multiply(normal, OperationSite.convert(scale.at(index), normal.type()));
            return rounded(element, bias == null ? scaled : add(scaled, OperationSite.convert(bias.at(index), normal.type())));
        });
        List<Array> results = new ArrayList<>(List.of(y));
        for (int i = 1; i < site.operation().results().size(); i++) {
            ElementType wanted = site.operation().result(i).tensorType().element();
            Array statistic = i == 1 ? mean : inverse;
            results.add(wanted == stash ? statistic : b.elementwise(wanted, statistic.dims(), List.of(statistic),
                    v -> ElementwiseCode.converted(v.get(0), wanted, true, NarrowFloat.RoundMode.UP)));
        }
        return results;
    }

    private static List<Array> rmsNormalization(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.inMemory(site.operand(0));
        boolean[] axes = from(site, x);
        ElementType stash = wide(x.element());
        Scalar n = OperationSite.convert(b.define(Index.product(reducedDims(x, axes))), ScalarType.of(stash));
        Scalar epsilon = constant(computedIn(x), site.operation().realAttribute("epsilon"));
        Array inverse = along(site, x, axes, stash, BinaryFunction.ADD, constant(computedIn(x), 0), v -> multiply(v, v),
                v -> divide(constant(v.type(), 1.0), apply(UnaryFunction.SQUARE_ROOT, add(divide(v, n), epsilon))));
        List<Scalar> dims = site.dims(x.dims());
        Array scale = b.broadcast(site.operand(1), dims);
        ElementType element = site.resultElement();
        Array y = Array.computed(element, dims, List.of(x, inverse, scale), index -> {
            Scalar normal = multiply(x.at(index), inverse.at(collapsed(index, axes)));
            return rounded(element, multiply(normal, OperationSite.convert(scale.at(index), normal.type())));
        });
        return site.operation().results().size() > 1 ? List.of(y, inverse) : List.of(y);
    }

    private static boolean[] from(OperationSite site, Array x) {
        int first = site.axis(site.operation().intAttribute("axis"), x.rank());
        boolean[] axes = new boolean[x.rank()];
        for (int axis = first; axis < axes.length; axis++) {
            axes[axis] = true;
        }
        return axes;
    }

    private static List<Scalar> reducedDims(Array x, boolean[] axes) {
        List<Scalar> dims = new ArrayList<>();
        for (int axis = 0; axis < axes.length; axis++) {
            if (axes[axis]) {
                dims.add(x.dim(axis));
            }
        }
        return dims;
    }

    /** The first (or last) place where the extremum stands: of all places that hold it, the smallest (or largest). */
    private static List<Array> place(OperationSite site, BinaryFunction function) {
        TensorBuilder b = site.builder();
        Array x = b.inMemory(site.operand(0));
        int axis = site.axis(site.operation().intAttribute("axis"), x.rank());
        boolean[] axes = new boolean[x.rank()];
        axes[axis] = true;
        boolean last = site.operation().intAttribute("select_last_index", 0) != 0;
        Array best = along(site, x, axes, x.element(), function, function == BinaryFunction.MAXIMUM ? Scalars.least(x.type())
                : Scalars.largest(x.type()), v -> v, v -> v);
        Scalar none = last ? constant(ScalarType.I64, -1) : constant(ScalarType.I64, Long.MAX_VALUE);
        Array places = Array.computed(ElementType.I64, x.dims(), List.of(x, best), index -> select(
                apply(BinaryFunction.EQUAL, x.at(index), best.at(collapsed(index, axes))),
                OperationSite.convert(index.get(axis), ScalarType.I64), none));
        Array found = along(site, places, axes, ElementType.I64, last ? BinaryFunction.MAXIMUM : BinaryFunction.MINIMUM, none, v -> v, v -> v);
        List<Scalar> dims = new ArrayList<>(found.dims());
        if (site.operation().intAttribute("keepdims", 1) == 0) {
            dims.remove(axis);
        }
        return List.of(b.reshape(found, site.dims(dims)));
    }

    /** Each element is the one before it, as it was stored, plus its own: in order, by one thread. */
    private static List<Array> cumulativeSum(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.inMemory(site.operand(0));
        boolean exclusive = site.operation().intAttribute("exclusive") != 0;
        boolean reverse = site.operation().intAttribute("reverse") != 0;
        Scalar named = OperationSite.convert(site.single(1), ScalarType.INDEX);
        List<Scalar> marks = MovementCode.marked(site, List.of(named), x.rank());
        Buffer output = b.allocate(x.element(), site.dims(x.dims()));
        List<Scalar.Loop> loops = b.loops(x.dims());
        List<Scalar> here = new ArrayList<>();
        List<Scalar> before = new ArrayList<>();
        Scalar first = Index.truth(true);
        for (int axis = 0; axis < x.rank(); axis++) {
            Scalar counter = loops.get(axis).counter();
            Scalar turned = reverse ? Index.select(marks.get(axis), Index.subtract(Index.subtract(x.dim(axis), Index.ONE), counter), counter)
                    : counter;
            here.add(turned);
            before.add(Index.add(turned, Index.select(marks.get(axis), Index.of(reverse ? 1 : -1), Index.ZERO)));
            first = Index.and(first, Index.or(MovementCode.not(marks.get(axis)), Index.equal(counter, Index.ZERO)));
        }
        Scalar zero = constant(x.type(), 0);
        Array sums = Array.of(output);
        Scalar earlier = select(first, zero, sums.at(before));
        Scalar added = exclusive ? select(first, zero, x.at(before)) : x.at(here);
        b.compute(new Nest(output, loops, rounded(x.element(), add(earlier, added)), Optional.of(Index.linear(x.dims(), here)),
                Optional.empty(), true));
        return List.of(sums);
    }
}
