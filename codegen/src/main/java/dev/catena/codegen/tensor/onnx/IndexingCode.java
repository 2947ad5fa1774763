package dev.catena.codegen.tensor.onnx;

import dev.catena.codegen.tensor.Array;
import dev.catena.codegen.tensor.BinaryFunction;
import dev.catena.codegen.tensor.Buffer;
import dev.catena.codegen.tensor.Failure;
import dev.catena.codegen.tensor.Index;
import dev.catena.codegen.tensor.Nest;
import dev.catena.codegen.tensor.OperationCode;
import dev.catena.codegen.tensor.OperationSite;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.ScalarType;
import dev.catena.codegen.tensor.TensorBuilder;
import dev.catena.ir.ElementType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Operations that read or write at places named by a tensor of indices, and sorting. */
final class IndexingCode {
    private IndexingCode() {}

    static void addTo(Map<String, OperationCode> codes) {
        codes.put("onnx.Gather", IndexingCode::gather);
        codes.put("onnx.GatherElements", IndexingCode::gatherElements);
        codes.put("onnx.GatherND", IndexingCode::gatherNd);
        codes.put("onnx.ScatterElements", IndexingCode::scatterElements);
        codes.put("onnx.ScatterND", IndexingCode::scatterNd);
        codes.put("onnx.TopK", IndexingCode::topK);
    }

    static Scalar checked(OperationSite site, Scalar index, Scalar extent) {
        Scalar place = OperationSite.convert(index, ScalarType.INDEX);
        if (Index.isKnown(place) && Index.isKnown(extent)) {
            long at = Index.value(place) < 0 ? Index.value(place) + Index.value(extent) : Index.value(place);
            if (at >= 0 && at < Index.value(extent)) {
                return Index.of(at);
            }
        }
        return new Scalar.CheckedIndex(place, extent, site.number());
    }

    /** Where there is nothing to find, nothing may be looked for. */
    private static void requireSome(OperationSite site, Scalar found, Scalar within) {
        site.builder().check(Index.or(Index.equal(found, Index.ZERO), Index.less(Index.ZERO, within)), Failure.INDEX);
    }

    private static List<Array> gather(OperationSite site) {
        TensorBuilder b = site.builder();
        Array data = b.cheap(site.operand(0));
        Array indices = b.cheap(site.operand(1));
        int axis = site.axis(site.operation().intAttribute("axis"), data.rank());
        List<Scalar> dims = new ArrayList<>(data.dims().subList(0, axis));
        dims.addAll(indices.dims());
        dims.addAll(data.dims().subList(axis + 1, data.rank()));
        List<Scalar> agreed = site.dims(dims);
        requireSome(site, b.define(Index.product(indices.dims())), data.dim(axis));
        return List.of(Array.moved(data.element(), agreed, List.of(data, indices), index -> {
            List<Scalar> from = new ArrayList<>(index.subList(0, axis));
            from.add(checked(site, indices.at(index.subList(axis, axis + indices.rank())), data.dim(axis)));
            from.addAll(index.subList(axis + indices.rank(), index.size()));
            return data.at(from);
        }));
    }

    private static List<Array> gatherElements(OperationSite site) {
        TensorBuilder b = site.builder();
        Array data = b.cheap(site.operand(0));
        Array indices = b.cheap(site.operand(1));
        int axis = site.axis(site.operation().intAttribute("axis"), data.rank());
        for (int i = 0; i < data.rank(); i++) {
            if (i != axis) {
                b.check(Index.lessOrEqual(indices.dim(i), data.dim(i)), Failure.SHAPE);
            }
        }
        List<Scalar> agreed = site.dims(indices.dims());
        requireSome(site, b.define(Index.product(agreed)), data.dim(axis));
        return List.of(Array.moved(data.element(), agreed, List.of(data, indices), index -> {
            List<Scalar> from = new ArrayList<>(index);
            from.set(axis, checked(site, indices.at(index), data.dim(axis)));
            return data.at(from);
        }));
    }

    /** The places that the tuple at {@code index} names, along axes {@code first} and following. */
    private static List<Scalar> tuple(OperationSite site, Array indices, List<Scalar> index, Array data, int first) {
        List<Scalar> places = new ArrayList<>();
        long length = Index.value(indices.dim(-1));
        for (int i = 0; i < length; i++) {
            List<Scalar> at = new ArrayList<>(index);
            at.add(Index.of(i));
            places.add(checked(site, indices.at(at), data.dim(first + i)));
        }
        return places;
    }

    private static int tupleLength(OperationSite site, Array indices, int most) {
        if (indices.rank() == 0 || !Index.isKnown(indices.dim(-1)) || Index.value(indices.dim(-1)) > most) {
            throw site.builder().refuse("the length of an index tuple must be known, and at most " + most);
        }
        return (int) Index.value(indices.dim(-1));
    }

    private static List<Array> gatherNd(OperationSite site) {
        TensorBuilder b = site.builder();
        Array data = b.cheap(site.operand(0));
        Array indices = b.inMemory(site.operand(1));
        int batch = (int) site.operation().intAttribute("batch_dims");
        int length = tupleLength(site, indices, data.rank() - batch);
        int lead = indices.rank() - 1;
        for (int i = 0; i < batch; i++) {
            b.check(Index.equal(indices.dim(i), data.dim(i)), Failure.SHAPE);
        }
        List<Scalar> dims = new ArrayList<>(indices.dims().subList(0, lead));
        dims.addAll(data.dims().subList(batch + length, data.rank()));
        List<Scalar> agreed = site.dims(dims);
        for (int i = 0; i < length; i++) {
            requireSome(site, b.define(Index.product(agreed)), data.dim(batch + i));
        }
        return List.of(Array.moved(data.element(), agreed, List.of(data, indices), index -> {
            List<Scalar> from = new ArrayList<>(index.subList(0, batch));
            from.addAll(tuple(site, indices, index.subList(0, lead), data, batch));
            from.addAll(index.subList(lead, index.size()));
            return data.at(from);
        }));
    }

    private static Optional<BinaryFunction> combining(OperationSite site) {
        return switch (site.operation().textAttribute("reduction")) {
            case "none" -> Optional.empty();
            case "add" -> Optional.of(BinaryFunction.ADD);
            case "mul" -> Optional.of(BinaryFunction.MULTIPLY);
            case "max" -> Optional.of(BinaryFunction.MAXIMUM);
            case "min" -> Optional.of(BinaryFunction.MINIMUM);
            default -> throw site.builder().refuse("reduction = " + site.operation().textAttribute("reduction"));
        };
    }

    /** A copy of an array that others then write into. */
    private static Buffer copied(OperationSite site, Array data, List<Scalar> dims) {
        Buffer output = site.builder().allocate(data.element(), dims);
        site.builder().store(output, data, data.dims().stream().map(d -> Index.ZERO).toList());
        return output;
    }

    private static List<Array> scatterElements(OperationSite site) {
        TensorBuilder b = site.builder();
        Array data = site.operand(0);
        Array indices = b.cheap(site.operand(1));
        Array updates = site.operand(2);
        int axis = site.axis(site.operation().intAttribute("axis"), data.rank());
        for (int i = 0; i < data.rank(); i++) {
            b.check(Index.equal(indices.dim(i), updates.dim(i)), Failure.SHAPE);
            if (i != axis) {
                b.check(Index.lessOrEqual(indices.dim(i), data.dim(i)), Failure.SHAPE);
            }
        }
        requireSome(site, b.define(Index.product(indices.dims())), data.dim(axis));
        Buffer output = copied(site, data, site.dims(data.dims()));
        List<Scalar.Loop> loops = b.loops(indices.dims());
        List<Scalar> index = TensorBuilder.counters(loops);
        List<Scalar> place = new ArrayList<>(index);
        place.set(axis, checked(site, indices.at(index), data.dim(axis)));
        b.compute(new Nest(output, loops, updates.at(index), Optional.of(Index.linear(output.dims(), place)), combining(site), true));
        return List.of(Array.of(output));
    }

    private static List<Array> scatterNd(OperationSite site) {
        TensorBuilder b = site.builder();
        Array data = site.operand(0);
        Array indices = b.inMemory(site.operand(1));
        Array updates = site.operand(2);
        int length = tupleLength(site, indices, data.rank());
        int lead = indices.rank() - 1;
        List<Scalar> dims = new ArrayList<>(indices.dims().subList(0, lead));
        dims.addAll(data.dims().subList(length, data.rank()));
        if (dims.size() != updates.rank()) {
            throw b.refuse("updates of rank " + updates.rank() + ", " + dims.size() + " expected");
        }
        for (int i = 0; i < dims.size(); i++) {
            b.check(Index.equal(dims.get(i), updates.dim(i)), Failure.SHAPE);
        }
        for (int i = 0; i < length; i++) {
            requireSome(site, b.define(Index.product(updates.dims())), data.dim(i));
        }
        Buffer output = copied(site, data, site.dims(data.dims()));
        List<Scalar.Loop> loops = b.loops(dims);
        List<Scalar> index = TensorBuilder.counters(loops);
        List<Scalar> place = new ArrayList<>(tuple(site, indices, index.subList(0, lead), data, 0));
        place.addAll(index.subList(lead, index.size()));
        b.compute(new Nest(output, loops, updates.at(index), Optional.of(Index.linear(output.dims(), place)), combining(site), true));
        return List.of(Array.of(output));
    }

    /** By a kernel of the target's; equal elements in the order of their indices. */
    private static List<Array> topK(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.inMemory(site.operand(0));
        int axis = site.axis(site.operation().intAttribute("axis"), x.rank());
        Scalar k = b.define(OperationSite.convert(site.single(1), ScalarType.INDEX));
        b.check(Index.and(Index.lessOrEqual(Index.ZERO, k), Index.lessOrEqual(k, x.dim(axis))), Failure.VALUE);
        List<Scalar> dims = new ArrayList<>(x.dims());
        dims.set(axis, k);
        List<Scalar> agreed = site.dims(dims);
        Buffer values = b.allocate(x.element(), agreed);
        Buffer indices = b.allocate(ElementType.I64, b.dims(site.operation().result(1), dims));
        boolean largest = site.operation().intAttribute("largest") != 0;
        b.call("top_k", values, List.of(x.buffer(), indices), List.of(
                b.define(Index.product(x.dims().subList(0, axis))), x.dim(axis), b.define(Index.product(x.dims().subList(axis + 1, x.rank()))),
                k, largest ? Index.ONE : Index.ZERO));
        return List.of(Array.of(values), Array.of(indices));
    }
}
