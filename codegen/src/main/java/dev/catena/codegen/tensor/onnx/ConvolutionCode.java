package dev.catena.codegen.tensor.onnx;

import static dev.catena.codegen.tensor.onnx.Scalars.add;
import static dev.catena.codegen.tensor.onnx.Scalars.apply;
import static dev.catena.codegen.tensor.onnx.Scalars.constant;
import static dev.catena.codegen.tensor.onnx.Scalars.divide;
import static dev.catena.codegen.tensor.onnx.Scalars.multiply;
import static dev.catena.codegen.tensor.onnx.Scalars.rounded;
import static dev.catena.codegen.tensor.onnx.Scalars.select;

import dev.catena.codegen.tensor.Array;
import dev.catena.codegen.tensor.BinaryFunction;
import dev.catena.codegen.tensor.Failure;
import dev.catena.codegen.tensor.Index;
import dev.catena.codegen.tensor.OperationCode;
import dev.catena.codegen.tensor.OperationSite;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.ScalarType;
import dev.catena.codegen.tensor.TensorBuilder;
import dev.catena.ir.ElementType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Convolutions and poolings over [batch, channels, …]: each result a reduction over a window. */
final class ConvolutionCode {
    private ConvolutionCode() {}

    static void addTo(Map<String, OperationCode> codes) {
        codes.put("onnx.Conv", ConvolutionCode::convolution);
        codes.put("onnx.ConvTranspose", ConvolutionCode::transposed);
        codes.put("onnx.MaxPool", ConvolutionCode::largest);
        codes.put("onnx.AveragePool", ConvolutionCode::mean);
    }

    private static List<Long> kernelOf(OperationSite site, Array w) {
        return w.dims().subList(2, w.rank()).stream().map(dim -> {
            if (!Index.isKnown(dim)) {
                throw site.builder().refuse("a kernel whose size is known only when it runs; code needs it");
            }
            return Index.value(dim);
        }).toList();
    }

    private static List<Scalar> join(List<Scalar> first, List<Scalar> rest) {
        List<Scalar> all = new ArrayList<>(first);
        all.addAll(rest);
        return all;
    }

    private static Scalar bias(OperationSite site, Scalar sum, Scalar channel) {
        return site.has(2) ? add(sum, site.operand(2).at(List.of(channel))) : sum;
    }

    private static List<Array> convolution(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.inMemory(site.operand(0));
        Array w = b.inMemory(site.operand(1));
        SlidingWindow window = new SlidingWindow(site, kernelOf(site, w), x.dims().subList(2, x.rank()));
        Scalar groups = Index.of(site.operation().intAttribute("group"));
        b.check(Index.equal(x.dim(1), b.define(Index.multiply(w.dim(1), groups))), Failure.SHAPE);
        List<Scalar> places = new ArrayList<>();
        for (int axis = 0; axis < window.kernel().size(); axis++) {
            places.add(window.places(axis));
        }
        List<Scalar> before = window.before();
        List<Scalar> dims = site.dims(join(List.of(x.dim(0), w.dim(0)), places));
        Scalar perGroup = b.define(Index.divide(w.dim(0), groups));
        Scalar zero = constant(x.type(), 0);
        ElementType element = site.resultElement();
        return List.of(b.inMemory(Array.computed(element, dims, site.has(2) ? List.of(x, w, site.operand(2)) : List.of(x, w), index -> {
            List<Scalar.Loop> taps = b.loops(join(List.of(w.dim(1)), window.kernel().stream().map(Index::of).toList()));
            List<Scalar> counters = TensorBuilder.counters(taps);
            SlidingWindow.Tap tap = window.tap(index.subList(2, index.size()), counters.subList(1, counters.size()), before);
            Scalar channel = Index.add(Index.multiply(Index.divide(index.get(1), perGroup), w.dim(1)), counters.get(0));
            Scalar product = multiply(x.at(join(List.of(index.get(0), channel), tap.index())), w.at(join(List.of(index.get(1)), counters)));
            Scalar sum = new Scalar.Reduce(BinaryFunction.ADD, zero, taps, select(tap.inside(), product, zero));
            return rounded(element, bias(site, sum, index.get(1)));
        })));
    }

    /** Each result gathers what reaches it: the elements whose stride brings a kernel's element to its place. */
    private static List<Array> transposed(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.inMemory(site.operand(0));
        Array w = b.inMemory(site.operand(1));
        SlidingWindow window = new SlidingWindow(site, kernelOf(site, w), x.dims().subList(2, x.rank()));
        Scalar groups = Index.of(site.operation().intAttribute("group"));
        b.check(Index.equal(x.dim(1), w.dim(0)), Failure.SHAPE);
        int axes = window.kernel().size();
        List<Scalar> sizes = new ArrayList<>();
        List<Scalar> cuts = new ArrayList<>();
        for (int axis = 0; axis < axes; axis++) {
            Scalar d = window.dims().get(axis);
            long extra = site.operation().hasAttribute("output_padding") ? site.operation().intsAttribute("output_padding").get(axis) : 0;
            Scalar spread = b.define(Index.add(Index.multiply(Index.subtract(d, Index.ONE), Index.of(window.stride(axis))),
                    Index.of(window.extent(axis) + extra)));
            List<Long> wanted = site.operation().hasAttribute("output_shape") ? site.operation().intsAttribute("output_shape") : null;
            Scalar size = wanted != null ? Index.of(wanted.get(axis + wanted.size() - axes))
                    : window.isSame() ? b.define(Index.multiply(d, Index.of(window.stride(axis))))
                    : b.define(Index.subtract(spread, Index.of(window.givenPad(axis, false) + window.givenPad(axis, true))));
            b.check(Index.lessOrEqual(Index.ZERO, size), Failure.SHAPE);
            sizes.add(size);
            Scalar total = b.define(Index.maximum(Index.ZERO, Index.subtract(spread, size)));
            Scalar half = b.define(Index.divide(total, Index.of(2)));
            cuts.add(wanted == null && !window.isSame() ? Index.of(window.givenPad(axis, false))
                    : window.padsMoreAtEnd() ? half : b.define(Index.subtract(total, half)));
        }
        List<Scalar> dims = site.dims(join(List.of(x.dim(0), b.define(Index.multiply(w.dim(1), groups))), sizes));
        Scalar perGroup = b.define(Index.divide(x.dim(1), groups));
        Scalar zero = constant(x.type(), 0);
        ElementType element = site.resultElement();
        return List.of(b.inMemory(Array.computed(element, dims, site.has(2) ? List.of(x, w, site.operand(2)) : List.of(x, w), index -> {
            List<Scalar.Loop> taps = b.loops(join(List.of(perGroup), window.kernel().stream().map(Index::of).toList()));
            List<Scalar> counters = TensorBuilder.counters(taps);
            Scalar input = Index.add(Index.multiply(Index.divide(index.get(1), w.dim(1)), perGroup), counters.get(0));
            List<Scalar> from = new ArrayList<>(List.of(index.get(0), input));
            Scalar inside = Index.truth(true);
            for (int axis = 0; axis < axes; axis++) {
                Scalar reached = Index.subtract(Index.add(index.get(axis + 2), cuts.get(axis)),
                        Index.multiply(counters.get(axis + 1), Index.of(window.dilation(axis))));
                Scalar at = Index.divide(reached, Index.of(window.stride(axis)));
                Scalar d = window.dims().get(axis);
                inside = Index.and(inside, Index.and(Index.and(Index.lessOrEqual(Index.ZERO, reached), Index.less(at, d)),
                        Index.equal(Index.remainder(reached, Index.of(window.stride(axis))), Index.ZERO)));
                from.add(Index.maximum(Index.ZERO, Index.minimum(at, Index.subtract(d, Index.ONE))));
            }
            List<Scalar> weight = join(List.of(input, Index.remainder(index.get(1), w.dim(1))), counters.subList(1, counters.size()));
            Scalar sum = new Scalar.Reduce(BinaryFunction.ADD, zero, taps, select(inside, multiply(x.at(from), w.at(weight)), zero));
            return rounded(element, bias(site, sum, index.get(1)));
        })));
    }

    private static SlidingWindow pooling(OperationSite site, Array x) {
        SlidingWindow window = new SlidingWindow(site, site.operation().intsAttribute("kernel_shape"), x.dims().subList(2, x.rank()));
        window.dims().forEach(dim -> site.builder().check(Index.less(Index.ZERO, dim), Failure.SHAPE));
        return window;
    }

    private static List<Scalar> pooled(OperationSite site, Array x, SlidingWindow window) {
        List<Scalar> dims = new ArrayList<>(x.dims().subList(0, 2));
        for (int axis = 0; axis < window.kernel().size(); axis++) {
            dims.add(window.places(axis));
        }
        return site.dims(dims);
    }

    private static List<Array> largest(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.inMemory(site.operand(0));
        SlidingWindow window = pooling(site, x);
        List<Scalar> dims = pooled(site, x, window);
        List<Scalar> before = window.before();
        Array values = b.inMemory(Array.computed(x.element(), dims, List.of(x), index -> {
            List<Scalar.Loop> taps = b.loops(window.kernel().stream().map(Index::of).toList());
            SlidingWindow.Tap tap = window.tap(index.subList(2, index.size()), TensorBuilder.counters(taps), before);
            return new Scalar.Reduce(BinaryFunction.MAXIMUM, Scalars.least(x.type()), taps,
                    select(tap.inside(), x.at(join(index.subList(0, 2), tap.index())), Scalars.least(x.type())));
        }));
        if (site.operation().results().size() < 2) {
            return List.of(values);
        }
        boolean columnsFirst = site.operation().intAttribute("storage_order") != 0;
        Scalar none = constant(ScalarType.I64, Long.MAX_VALUE);
        Array indices = Array.computed(ElementType.I64, dims, List.of(x, values), index -> {
            List<Scalar.Loop> taps = b.loops(window.kernel().stream().map(Index::of).toList());
            SlidingWindow.Tap tap = window.tap(index.subList(2, index.size()), TensorBuilder.counters(taps), before);
            List<Scalar> from = join(index.subList(0, 2), tap.index());
            Scalar found = Index.and(tap.inside(), apply(BinaryFunction.EQUAL, x.at(from), values.at(index)));
            Scalar first = new Scalar.Reduce(BinaryFunction.MINIMUM, none, taps,
                    select(found, OperationSite.convert(Index.linear(x.dims(), from), ScalarType.I64), none));
            return columnsFirst ? OperationSite.convert(columnMajor(x, OperationSite.convert(first, ScalarType.INDEX)), ScalarType.I64) : first;
        });
        return List.of(values, b.inMemory(indices));
    }

    /** A place in row-major order as one that counts, within its channel, along the columns first. */
    private static Scalar columnMajor(Array x, Scalar place) {
        List<Scalar> axes = x.dims().subList(2, x.rank());
        Scalar perChannel = Index.product(axes);
        List<Scalar> index = Index.unravel(axes, Index.remainder(place, perChannel));
        Collections.reverse(index);
        List<Scalar> turned = new ArrayList<>(axes);
        Collections.reverse(turned);
        return Index.add(Index.multiply(Index.divide(place, perChannel), perChannel), Index.linear(turned, index));
    }

    private static List<Array> mean(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.inMemory(site.operand(0));
        SlidingWindow window = pooling(site, x);
        List<Scalar> dims = pooled(site, x, window);
        List<Scalar> before = window.before();
        boolean padded = site.operation().intAttribute("count_include_pad") != 0;
        Scalar zero = constant(x.type(), 0);
        ElementType element = site.resultElement();
        return List.of(b.inMemory(Array.computed(element, dims, List.of(x), index -> {
            List<Scalar.Loop> taps = b.loops(window.kernel().stream().map(Index::of).toList());
            List<Scalar> place = index.subList(2, index.size());
            SlidingWindow.Tap tap = window.tap(place, TensorBuilder.counters(taps), before);
            Scalar sum = new Scalar.Reduce(BinaryFunction.ADD, zero, taps,
                    select(tap.inside(), x.at(join(index.subList(0, 2), tap.index())), zero));
            List<Scalar.Loop> again = b.loops(window.kernel().stream().map(Index::of).toList());
            Scalar counted = padded ? overPadding(window, place, TensorBuilder.counters(again), before)
                    : window.tap(place, TensorBuilder.counters(again), before).inside();
            Scalar count = new Scalar.Reduce(BinaryFunction.ADD, zero, again, select(counted, constant(x.type(), 1), zero));
            return rounded(element, divide(sum, count));
        })));
    }

    /** Whether a kernel's element lies over x or its padding: what reaches beyond, by rounding up, doesn't count. */
    private static Scalar overPadding(SlidingWindow window, List<Scalar> place, List<Scalar> taps, List<Scalar> before) {
        Scalar inside = Index.truth(true);
        for (int axis = 0; axis < window.kernel().size(); axis++) {
            Scalar at = Index.add(Index.subtract(Index.multiply(place.get(axis), Index.of(window.stride(axis))), before.get(axis)),
                    Index.multiply(taps.get(axis), Index.of(window.dilation(axis))));
            Scalar end = Index.add(window.dims().get(axis), Index.of(window.isSame() ? window.extent(axis) : window.givenPad(axis, true)));
            inside = Index.and(inside, Index.less(at, end));
        }
        return inside;
    }
}
