package dev.catena.codegen.tensor.onnx;

import static dev.catena.codegen.tensor.onnx.Scalars.apply;
import static dev.catena.codegen.tensor.onnx.Scalars.constant;
import static dev.catena.codegen.tensor.onnx.Scalars.select;

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
import java.util.function.UnaryOperator;

/** Operations that find elements: a running count says where each goes, and its last value how many there are. */
final class SelectionCode {
    private SelectionCode() {}

    static void addTo(Map<String, OperationCode> codes) {
        codes.put("onnx.NonZero", SelectionCode::nonZero);
        codes.put("onnx.Compress", SelectionCode::compress);
    }

    /** The places of a list at which a condition holds, with how many they are. */
    private record Found(Array places, Scalar count) {}

    /** @param holds of a place in {@code 0 … length − 1} */
    private static Found find(OperationSite site, Scalar length, UnaryOperator<Scalar> holds) {
        TensorBuilder b = site.builder();
        // counts[i + 1] = counts[i] + (1 where i holds), counts[0] = 0: in order, since each reads the one before.
        Scalar size = b.define(Index.add(length, Index.ONE));
        Buffer counts = b.allocate(ElementType.I64, List.of(size));
        Scalar.Loop loop = b.loop(size);
        Scalar i = loop.counter();
        Scalar before = Index.maximum(Index.ZERO, Index.subtract(i, Index.ONE));
        Scalar zero = constant(ScalarType.I64, 0);
        Scalar one = select(holds.apply(before), constant(ScalarType.I64, 1), zero);
        b.compute(new Nest(counts, List.of(loop), select(Index.equal(i, Index.ZERO), zero,
                Scalars.add(Array.of(counts).at(List.of(before)), one)), Optional.empty(), Optional.empty(), true));
        Scalar count = b.define(OperationSite.convert(Array.of(counts).at(List.of(length)), ScalarType.INDEX));
        // Each place that holds is written where its count says; the others go to the one place behind the last.
        Buffer places = b.allocate(ElementType.I64, List.of(size));
        Scalar.Loop each = b.loop(length);
        Scalar at = each.counter();
        Scalar target = Index.select(holds.apply(at), OperationSite.convert(Array.of(counts).at(List.of(at)), ScalarType.INDEX), length);
        b.compute(new Nest(places, List.of(each), OperationSite.convert(at, ScalarType.I64), Optional.of(target), Optional.empty(), true));
        return new Found(Array.of(places), count);
    }

    private static List<Array> nonZero(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.inMemory(site.operand(0));
        Scalar length = b.define(Index.product(x.dims()));
        Scalar zero = constant(x.type(), 0);
        Found found = find(site, length, place -> MovementCode.not(apply(BinaryFunction.EQUAL,
                x.at(Index.unravel(x.dims(), place)), zero)));
        List<Scalar> dims = site.dims(List.of(Index.of(x.rank()), found.count()));
        return List.of(b.inMemory(Array.moved(ElementType.I64, dims, List.of(found.places()), index -> {
            Scalar place = OperationSite.convert(found.places().at(List.of(index.get(1))), ScalarType.INDEX);
            List<Scalar> coordinates = Index.unravel(x.dims(), place);
            Scalar value = Index.ZERO;
            for (int axis = x.rank() - 1; axis >= 0; axis--) {
                value = Index.select(Index.equal(index.get(0), Index.of(axis)), coordinates.get(axis), value);
            }
            return OperationSite.convert(value, ScalarType.I64);
        })));
    }

    private static List<Array> compress(OperationSite site) {
        TensorBuilder b = site.builder();
        Array given = b.inMemory(site.operand(0));
        boolean flat = !site.operation().hasAttribute("axis");
        Array x = flat ? b.reshape(given, List.of(b.define(Index.product(given.dims())))) : given;
        int axis = flat ? 0 : site.axis(site.operation().intAttribute("axis"), x.rank());
        Array condition = b.inMemory(site.operand(1));
        Scalar length = condition.dim(0);
        Found found = find(site, length, place -> condition.at(List.of(place)));
        List<Scalar> dims = new ArrayList<>(x.dims());
        dims.set(axis, found.count());
        List<Scalar> agreed = site.dims(dims);
        b.check(Index.or(Index.equal(found.count(), Index.ZERO), Index.less(Index.ZERO, x.dim(axis))), Failure.INDEX);
        return List.of(Array.moved(x.element(), agreed, List.of(x, found.places()), index -> {
            List<Scalar> from = new ArrayList<>(index);
            from.set(axis, IndexingCode.checked(site, found.places().at(List.of(index.get(axis))), x.dim(axis)));
            return x.at(from);
        }));
    }
}
