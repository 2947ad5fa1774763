package dev.catena.codegen.tensor.onnx;

import static dev.catena.codegen.tensor.onnx.Scalars.constant;

import dev.catena.codegen.tensor.Array;
import dev.catena.codegen.tensor.BinaryFunction;
import dev.catena.codegen.tensor.Buffer;
import dev.catena.codegen.tensor.Failure;
import dev.catena.codegen.tensor.Index;
import dev.catena.codegen.tensor.OperationCode;
import dev.catena.codegen.tensor.OperationSite;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.ScalarType;
import dev.catena.codegen.tensor.TensorBuilder;
import dev.catena.codegen.tensor.UnaryFunction;
import dev.catena.ir.Attribute;
import dev.catena.ir.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Operations that ask for shapes, or lay elements out anew. */
final class MovementCode {
    private MovementCode() {}

    static void addTo(Map<String, OperationCode> codes) {
        codes.put("onnx.Identity", site -> List.of(site.operand(0)));
        codes.put("onnx.Shape", MovementCode::shape);
        codes.put("onnx.Size", site -> List.of(numbers(site, List.of(Index.product(site.operand(0).dims())), false)));
        codes.put("onnx.Reshape", MovementCode::reshape);
        codes.put("onnx.Flatten", MovementCode::flatten);
        codes.put("onnx.Squeeze", MovementCode::squeeze);
        codes.put("onnx.Unsqueeze", MovementCode::unsqueeze);
        codes.put("onnx.Transpose", MovementCode::transpose);
        codes.put("onnx.Concat", MovementCode::concat);
        codes.put("onnx.Split", MovementCode::split);
        codes.put("onnx.Slice", MovementCode::slice);
        codes.put("onnx.Expand", MovementCode::expand);
        codes.put("onnx.Tile", MovementCode::tile);
        codes.put("onnx.Trilu", MovementCode::triangle);
        codes.put("onnx.ConstantOfShape", MovementCode::constantOfShape);
        codes.put("onnx.Range", MovementCode::range);
        codes.put("onnx.Pad", MovementCode::pad);
    }

    /** Sizes as an i64 tensor of one dimension, or none. */
    private static Array numbers(OperationSite site, List<Scalar> values, boolean list) {
        TensorBuilder b = site.builder();
        if (values.stream().allMatch(Index::isKnown)) {
            long[] known = values.stream().mapToLong(Index::value).toArray();
            return b.constant(list ? Tensor.i64(known, known.length) : Tensor.i64(known));
        }
        List<Scalar> dims = list ? List.of(Index.of(values.size())) : List.of();
        List<Scalar> defined = values.stream().map(b::define).toList();
        return Array.moved(site.resultElement(), dims, List.of(), index -> {
            Scalar value = defined.get(defined.size() - 1);
            for (int i = defined.size() - 2; i >= 0; i--) {
                value = Index.select(Index.equal(index.get(0), Index.of(i)), defined.get(i), value);
            }
            return OperationSite.convert(value, ScalarType.I64);
        });
    }

    private static List<Array> shape(OperationSite site) {
        List<Scalar> dims = site.operand(0).dims();
        int from = bound(site.operation().intAttribute("start"), dims.size());
        int to = Math.max(from, bound(site.operation().intAttribute("end", dims.size()), dims.size()));
        return List.of(numbers(site, dims.subList(from, to), true));
    }

    private static int bound(long at, int rank) {
        return (int) Math.max(0, Math.min(rank, at < 0 ? at + rank : at));
    }

    private static List<Array> reshape(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = site.operand(0);
        List<Scalar> wanted = site.integers(1);
        boolean zeroStays = site.operation().intAttribute("allowzero") != 0;
        Scalar all = b.define(Index.product(x.dims()));
        List<Scalar> given = new ArrayList<>();
        for (int i = 0; i < wanted.size(); i++) {
            Scalar own = i < x.rank() ? x.dim(i) : Index.ZERO;
            given.add(zeroStays ? wanted.get(i) : b.define(Index.select(Index.equal(wanted.get(i), Index.ZERO), own, wanted.get(i))));
        }
        List<Scalar> open = given.stream().map(dim -> Index.equal(dim, Index.of(-1))).toList();
        Scalar rest = Index.ONE;
        for (int i = 0; i < given.size(); i++) {
            rest = Index.multiply(rest, Index.select(open.get(i), Index.ONE, given.get(i)));
        }
        rest = b.define(rest);
        Scalar left = b.define(Index.select(Index.equal(rest, Index.ZERO), Index.ZERO,
                Index.divide(all, Index.maximum(rest, Index.ONE))));
        List<Scalar> dims = new ArrayList<>();
        for (int i = 0; i < given.size(); i++) {
            dims.add(b.define(Index.select(open.get(i), left, given.get(i))));
        }
        List<Scalar> agreed = site.dims(dims);
        b.check(Index.equal(b.define(Index.product(agreed)), all), Failure.SHAPE);
        return List.of(b.reshape(x, agreed));
    }

    private static List<Array> flatten(OperationSite site) {
        Array x = site.operand(0);
        long axis = site.operation().intAttribute("axis");
        int cut = (int) (axis < 0 ? axis + x.rank() : axis);
        List<Scalar> dims = site.dims(List.of(Index.product(x.dims().subList(0, cut)), Index.product(x.dims().subList(cut, x.rank()))));
        return List.of(site.builder().reshape(x, dims));
    }

    /** Whether an axis is among those that an operand names, which may be known only when it runs. */
    static List<Scalar> marked(OperationSite site, List<Scalar> axes, int rank) {
        List<Scalar> marks = new ArrayList<>();
        for (int axis = 0; axis < rank; axis++) {
            Scalar mark = Index.truth(false);
            for (Scalar named : axes) {
                mark = Index.or(mark, Index.or(Index.equal(named, Index.of(axis)), Index.equal(named, Index.of(axis - rank))));
            }
            marks.add(Index.isKnown(mark) ? mark : site.builder().define(mark));
        }
        return marks;
    }

    /** The dimensions that aren't marked, in order; {@code count} of them. */
    static List<Scalar> unmarked(OperationSite site, List<Scalar> dims, List<Scalar> marks, int count) {
        List<Scalar> left = new ArrayList<>();
        for (int wanted = 0; wanted < count; wanted++) {
            Scalar value = Index.ONE;
            for (int axis = dims.size() - 1; axis >= 0; axis--) {
                Scalar before = Index.ZERO;
                for (int i = 0; i < axis; i++) {
                    before = Index.add(before, Index.select(marks.get(i), Index.ZERO, Index.ONE));
                }
                Scalar here = Index.and(Index.equal(before, Index.of(wanted)), not(marks.get(axis)));
                value = Index.select(here, dims.get(axis), value);
            }
            left.add(site.builder().define(value));
        }
        return left;
    }

    static Scalar not(Scalar truth) {
        return Index.select(truth, Index.truth(false), Index.truth(true));
    }

    private static List<Array> squeeze(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = site.operand(0);
        int rank = site.resultType().rank();
        List<Scalar> marks = site.has(1) ? marked(site, site.integers(1), x.rank())
                : x.dims().stream().map(dim -> Index.equal(dim, Index.ONE)).toList();
        for (int axis = 0; axis < x.rank(); axis++) {
            b.check(Index.or(not(marks.get(axis)), Index.equal(x.dim(axis), Index.ONE)), Failure.SHAPE);
        }
        List<Scalar> dims = site.dims(unmarked(site, x.dims(), marks, rank));
        b.check(Index.equal(b.define(Index.product(dims)), b.define(Index.product(x.dims()))), Failure.SHAPE);
        return List.of(b.reshape(x, dims));
    }

    private static List<Array> unsqueeze(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = site.operand(0);
        int rank = site.resultType().rank();
        List<Scalar> marks = marked(site, site.integers(1), rank);
        List<Scalar> dims = new ArrayList<>();
        Scalar taken = Index.ZERO;
        for (int axis = 0; axis < rank; axis++) {
            Scalar own = Index.ONE;
            for (int i = x.rank() - 1; i >= 0; i--) {
                own = Index.select(Index.equal(taken, Index.of(i)), x.dim(i), own);
            }
            dims.add(b.define(Index.select(marks.get(axis), Index.ONE, own)));
            taken = Index.add(taken, Index.select(marks.get(axis), Index.ZERO, Index.ONE));
        }
        List<Scalar> agreed = site.dims(dims);
        b.check(Index.equal(b.define(Index.product(agreed)), b.define(Index.product(x.dims()))), Failure.SHAPE);
        return List.of(b.reshape(x, agreed));
    }

    private static List<Array> transpose(OperationSite site) {
        Array x = site.operand(0);
        List<Integer> order = new ArrayList<>();
        if (site.operation().hasAttribute("perm")) {
            site.operation().intsAttribute("perm").forEach(axis -> order.add(site.axis(axis, x.rank())));
        } else {
            for (int axis = x.rank() - 1; axis >= 0; axis--) {
                order.add(axis);
            }
        }
        return List.of(permuted(x, order, site.dims(order.stream().map(x::dim).toList())));
    }

    /** The array with axis i of the result being its axis {@code order[i]}. */
    static Array permuted(Array x, List<Integer> order, List<Scalar> dims) {
        return Array.moved(x.element(), dims, List.of(x), index -> {
            List<Scalar> from = new ArrayList<>(Collections.nCopies(x.rank(), Index.ZERO));
            for (int i = 0; i < order.size(); i++) {
                from.set(order.get(i), index.get(i));
            }
            return x.at(from);
        });
    }

    private static List<Array> concat(OperationSite site) {
        TensorBuilder b = site.builder();
        List<Array> parts = site.operands();
        int axis = site.axis(site.operation().intAttribute("axis"), parts.get(0).rank());
        List<Scalar> starts = new ArrayList<>();
        Scalar end = Index.ZERO;
        for (Array part : parts) {
            starts.add(end);
            end = b.define(Index.add(end, part.dim(axis)));
            for (int i = 0; i < part.rank(); i++) {
                if (i != axis) {
                    b.check(Index.equal(part.dim(i), parts.get(0).dim(i)), Failure.SHAPE);
                }
            }
        }
        List<Scalar> dims = new ArrayList<>(parts.get(0).dims());
        dims.set(axis, end);
        Buffer output = b.allocate(site.resultElement(), site.dims(dims));
        for (int p = 0; p < parts.size(); p++) {
            List<Scalar> start = new ArrayList<>(Collections.nCopies(dims.size(), Index.ZERO));
            start.set(axis, starts.get(p));
            b.store(output, parts.get(p), start);
        }
        return List.of(Array.of(output));
    }

    /** The part of an array that begins at {@code start} of each axis and moves by {@code steps}. */
    private static Array part(Array x, List<Scalar> start, List<Scalar> steps, List<Scalar> dims) {
        return Array.moved(x.element(), dims, List.of(x), index -> {
            List<Scalar> from = new ArrayList<>();
            for (int axis = 0; axis < x.rank(); axis++) {
                from.add(Index.add(start.get(axis), Index.multiply(index.get(axis), steps.get(axis))));
            }
            return x.at(from);
        });
    }

    private static List<Array> split(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.cheap(site.operand(0));
        int axis = site.axis(site.operation().intAttribute("axis"), x.rank());
        int parts = site.operation().results().size();
        List<Scalar> sizes = new ArrayList<>();
        if (site.has(1)) {
            sizes.addAll(site.integers(1));
        } else {
            Scalar size = b.define(Index.divide(Index.add(x.dim(axis), Index.of(parts - 1L)), Index.of(parts)));
            for (int i = 0; i < parts; i++) {
                Scalar left = Index.subtract(x.dim(axis), Index.multiply(size, Index.of(i)));
                sizes.add(b.define(Index.maximum(Index.ZERO, Index.minimum(size, left))));
            }
        }
        if (sizes.size() != parts) {
            throw b.refuse(sizes.size() + " sizes for " + parts + " parts");
        }
        List<Array> results = new ArrayList<>();
        Scalar at = Index.ZERO;
        for (int i = 0; i < parts; i++) {
            b.check(Index.and(Index.lessOrEqual(Index.ZERO, sizes.get(i)), Index.lessOrEqual(sizes.get(i), x.dim(axis))), Failure.SHAPE);
            List<Scalar> dims = new ArrayList<>(x.dims());
            dims.set(axis, sizes.get(i));
            List<Scalar> start = new ArrayList<>(Collections.nCopies(x.rank(), Index.ZERO));
            start.set(axis, at);
            results.add(part(x, start, Collections.nCopies(x.rank(), Index.ONE), b.dims(site.operation().result(i), dims)));
            at = b.define(Index.add(at, sizes.get(i)));
        }
        b.check(Index.lessOrEqual(at, x.dim(axis)), Failure.SHAPE);
        return results;
    }

    private static List<Array> slice(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = site.operand(0);
        List<Scalar> starts = site.integers(1);
        List<Scalar> ends = site.integers(2);
        List<Scalar> axes = new ArrayList<>();
        if (site.has(3)) {
            axes.addAll(site.integers(3));
        } else {
            for (int i = 0; i < starts.size(); i++) {
                axes.add(Index.of(i));
            }
        }
        List<Scalar> steps = site.has(4) ? site.integers(4) : Collections.nCopies(starts.size(), Index.ONE);
        if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size()) {
            throw b.refuse(starts.size() + " starts, " + ends.size() + " ends, " + axes.size() + " axes, " + steps.size() + " steps");
        }
        for (Scalar named : axes) {
            b.check(Index.and(Index.less(named, Index.of(x.rank())), Index.lessOrEqual(Index.of(-x.rank()), named)), Failure.VALUE);
        }
        List<Scalar> from = new ArrayList<>();
        List<Scalar> by = new ArrayList<>();
        List<Scalar> dims = new ArrayList<>();
        for (int axis = 0; axis < x.rank(); axis++) {
            Scalar start = Index.ZERO;
            Scalar step = Index.ONE;
            Scalar count = x.dim(axis);
            for (int i = 0; i < axes.size(); i++) {
                Scalar here = Index.or(Index.equal(axes.get(i), Index.of(axis)), Index.equal(axes.get(i), Index.of(axis - x.rank())));
                if (Index.is(here, 0)) {
                    continue;
                }
                Extent extent = extent(b, x.dim(axis), starts.get(i), ends.get(i), steps.get(i));
                start = b.define(Index.select(here, extent.start(), start));
                step = b.define(Index.select(here, extent.step(), step));
                count = b.define(Index.select(here, extent.count(), count));
            }
            from.add(start);
            by.add(step);
            dims.add(count);
        }
        return List.of(part(x, from, by, site.dims(dims)));
    }

    private record Extent(Scalar start, Scalar step, Scalar count) {}

    /** What a slice takes of a dimension: ends beyond it are held to it, negative places count from its end. */
    private static Extent extent(TensorBuilder b, Scalar dim, Scalar start, Scalar end, Scalar step) {
        b.check(not(Index.equal(step, Index.ZERO)), Failure.VALUE);
        Scalar most = Index.of(1L << 62);
        Scalar stride = b.define(Index.minimum(Index.maximum(step, Index.of(-(1L << 62))), most)); // so that it can be negated
        Scalar forward = Index.less(Index.ZERO, stride);
        Scalar last = Index.subtract(dim, Index.ONE);
        Scalar high = b.define(Index.select(forward, dim, last));
        Scalar low = Index.select(forward, Index.ZERO, Index.of(-1));
        Scalar first = b.define(Index.maximum(Index.ZERO, Index.minimum(high, fromEnd(start, dim))));
        Scalar stop = b.define(Index.maximum(low, Index.minimum(high, fromEnd(end, dim))));
        Scalar span = b.define(Index.select(forward, Index.subtract(stop, first), Index.subtract(first, stop)));
        Scalar size = b.define(Index.select(forward, stride, Index.subtract(Index.ZERO, stride)));
        Scalar some = Index.add(Index.divide(Index.subtract(span, Index.ONE), size), Index.ONE);
        Scalar none = Index.or(Index.lessOrEqual(span, Index.ZERO), Index.equal(dim, Index.ZERO));
        return new Extent(first, stride, b.define(Index.select(none, Index.ZERO, some)));
    }

    private static Scalar fromEnd(Scalar at, Scalar dim) {
        return Index.select(Index.less(at, Index.ZERO), Index.add(at, dim), at);
    }

    private static List<Array> expand(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.cheap(site.operand(0));
        List<Scalar> wanted = site.integers(1);
        wanted.forEach(dim -> b.check(Index.lessOrEqual(Index.ZERO, dim), Failure.SHAPE));
        List<Scalar> dims = site.dims(b.broadcast(List.of(x.dims(), wanted)));
        return List.of(b.broadcast(x, dims));
    }

    private static List<Array> tile(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.cheap(site.operand(0));
        List<Scalar> repeats = site.integers(1);
        if (repeats.size() != x.rank()) {
            throw b.refuse(repeats.size() + " repeats for a tensor of rank " + x.rank());
        }
        List<Scalar> dims = new ArrayList<>();
        for (int axis = 0; axis < x.rank(); axis++) {
            Scalar times = repeats.get(axis);
            b.check(Index.and(Index.lessOrEqual(Index.ZERO, times), Index.less(times, Index.of(1L << 31))), Failure.VALUE);
            dims.add(b.define(Index.multiply(x.dim(axis), times)));
        }
        return List.of(Array.moved(x.element(), site.dims(dims), List.of(x), index -> {
            List<Scalar> from = new ArrayList<>();
            for (int axis = 0; axis < x.rank(); axis++) {
                from.add(Index.is(repeats.get(axis), 1) ? index.get(axis) : Index.remainder(index.get(axis), x.dim(axis)));
            }
            return x.at(from);
        }));
    }

    private static List<Array> triangle(OperationSite site) {
        Array x = site.operand(0);
        Scalar far = Index.of(1L << 40);
        Scalar shift = site.has(1) ? site.builder().define(Index.maximum(Index.subtract(Index.ZERO, far),
                Index.minimum(far, OperationSite.convert(site.single(1), ScalarType.INDEX)))) : Index.ZERO;
        boolean upper = site.operation().intAttribute("upper") != 0;
        List<Scalar> dims = site.dims(x.dims());
        return List.of(Array.moved(x.element(), dims, List.of(x), index -> {
            Scalar diagonal = Index.subtract(index.get(x.rank() - 1), index.get(x.rank() - 2));
            Scalar kept = upper ? Index.lessOrEqual(shift, diagonal) : Index.lessOrEqual(diagonal, shift);
            return Scalars.select(kept, x.at(index), constant(x.type(), 0));
        }));
    }

    private static List<Array> constantOfShape(OperationSite site) {
        TensorBuilder b = site.builder();
        List<Scalar> dims = site.operand(0).rank() == 1 && Index.is(site.operand(0).dim(0), 0) ? List.of() : site.integers(0);
        dims.forEach(dim -> b.check(Index.lessOrEqual(Index.ZERO, dim), Failure.SHAPE));
        Tensor value = ((Attribute.Dense) site.operation().attribute("value")).value();
        return List.of(b.broadcast(b.constant(value.reshaped()), site.dims(dims)));
    }

    private static List<Array> range(OperationSite site) {
        TensorBuilder b = site.builder();
        Scalar start = site.single(0);
        Scalar limit = site.single(1);
        Scalar delta = site.single(2);
        ScalarType type = start.type();
        Scalar zero = constant(type, 0);
        b.check(not(b.define(new Scalar.Binary(BinaryFunction.EQUAL, delta, zero))), Failure.VALUE);
        Scalar count;
        if (type.isFloat()) {
            Scalar span = Scalars.divide(Scalars.subtract(wide(limit), wide(start)), wide(delta));
            Scalar steps = Scalars.apply(UnaryFunction.CEIL, span);
            b.check(b.define(Scalars.less(steps, constant(ScalarType.F64, 1e15))), Failure.MEMORY);
            count = OperationSite.convert(steps, ScalarType.INDEX);
        } else {
            Scalar from = OperationSite.convert(start, ScalarType.INDEX);
            Scalar to = OperationSite.convert(limit, ScalarType.INDEX);
            Scalar by = OperationSite.convert(delta, ScalarType.INDEX);
            Scalar limitOfPlaces = Index.of(1L << 61);
            for (Scalar place : List.of(from, to, by)) {
                b.check(Index.and(Index.less(place, limitOfPlaces), Index.less(Index.subtract(Index.ZERO, limitOfPlaces), place)), Failure.VALUE);
            }
            Scalar up = Index.less(Index.ZERO, by);
            Scalar span = b.define(Index.select(up, Index.subtract(to, from), Index.subtract(from, to)));
            Scalar size = b.define(Index.select(up, by, Index.subtract(Index.ZERO, by)));
            count = Index.select(Index.lessOrEqual(span, Index.ZERO), Index.ZERO,
                    Index.add(Index.divide(Index.subtract(span, Index.ONE), Index.maximum(size, Index.ONE)), Index.ONE));
        }
        List<Scalar> dims = site.dims(List.of(b.define(Index.maximum(Index.ZERO, b.define(count)))));
        return List.of(Array.computed(site.resultElement(), dims, List.of(), index -> Scalars.rounded(site.resultElement(),
                Scalars.add(start, Scalars.multiply(OperationSite.convert(index.get(0), type), delta)))));
    }

    private static Scalar wide(Scalar x) {
        return OperationSite.convert(x, ScalarType.F64);
    }

    private static List<Array> pad(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.cheap(site.operand(0));
        List<Scalar> pads = site.integers(1);
        List<Scalar> axes = site.has(3) ? site.integers(3) : null;
        int n = axes == null ? x.rank() : axes.size();
        if (pads.size() != 2 * n) {
            throw b.refuse(pads.size() + " pads for " + n + " axes");
        }
        List<Scalar> before = new ArrayList<>();
        List<Scalar> dims = new ArrayList<>();
        for (int axis = 0; axis < x.rank(); axis++) {
            Scalar first = axes == null ? pads.get(axis) : Index.ZERO;
            Scalar last = axes == null ? pads.get(n + axis) : Index.ZERO;
            for (int i = 0; axes != null && i < n; i++) {
                Scalar here = Index.or(Index.equal(axes.get(i), Index.of(axis)), Index.equal(axes.get(i), Index.of(axis - x.rank())));
                first = b.define(Index.select(here, pads.get(i), first));
                last = b.define(Index.select(here, pads.get(n + i), last));
            }
            Scalar size = b.define(Index.add(x.dim(axis), Index.add(first, last)));
            b.check(Index.lessOrEqual(Index.ZERO, size), Failure.SHAPE);
            before.add(first);
            dims.add(size);
        }
        String mode = site.operation().textAttribute("mode");
        Scalar fill = site.has(2) ? site.single(2) : constant(x.type(), 0);
        if (!mode.equals("constant")) {
            x.dims().forEach(dim -> b.check(Index.less(Index.ZERO, dim), Failure.SHAPE));
        }
        return List.of(Array.moved(x.element(), site.dims(dims), List.of(x), index -> {
            List<Scalar> from = new ArrayList<>();
            Scalar inside = Index.truth(true);
            for (int axis = 0; axis < x.rank(); axis++) {
                Scalar at = Index.subtract(index.get(axis), before.get(axis));
                Scalar dim = x.dim(axis);
                if (Index.is(before.get(axis), 0) && dims.get(axis).equals(dim)) {
                    from.add(at);
                } else if (mode.equals("constant")) {
                    inside = Index.and(inside, Index.and(Index.lessOrEqual(Index.ZERO, at), Index.less(at, dim)));
                    from.add(Index.maximum(Index.ZERO, Index.minimum(at, Index.subtract(dim, Index.ONE))));
                } else {
                    from.add(wrapped(mode, at, dim));
                }
            }
            return Index.isKnown(inside) ? x.at(from) : Scalars.select(inside, x.at(from), fill);
        }));
    }

    /** Where a place outside a dimension finds its element. */
    private static Scalar wrapped(String mode, Scalar at, Scalar dim) {
        if (mode.equals("edge")) {
            return Index.maximum(Index.ZERO, Index.minimum(at, Index.subtract(dim, Index.ONE)));
        }
        if (mode.equals("wrap")) {
            return Index.remainder(Index.add(Index.remainder(at, dim), dim), dim);
        }
        Scalar period = Index.maximum(Index.ONE, Index.multiply(Index.of(2), Index.subtract(dim, Index.ONE))); // reflect
        Scalar within = Index.remainder(Index.add(Index.remainder(at, period), period), period);
        return Index.select(Index.less(within, dim), within, Index.subtract(period, within));
    }
}
