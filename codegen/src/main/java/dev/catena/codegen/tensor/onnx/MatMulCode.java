package dev.catena.codegen.tensor.onnx;

import static dev.catena.codegen.tensor.onnx.Scalars.add;
import static dev.catena.codegen.tensor.onnx.Scalars.constant;
import static dev.catena.codegen.tensor.onnx.Scalars.multiply;
import static dev.catena.codegen.tensor.onnx.Scalars.rounded;
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
import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.ir.WeightData;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Matrix products. */
final class MatMulCode {
    private MatMulCode() {}

    static void addTo(Map<String, OperationCode> codes) {
        codes.put("onnx.MatMul", site -> List.of(product(site)));
        codes.put("onnx.Gemm", MatMulCode::gemm);
        codes.put("onnx.MatMulInteger", site -> List.of(ofCodes(site)));
    }

    /** What products of elements are summed in. */
    static ScalarType sumOf(ElementType element, ElementType result) {
        return element.isInteger() ? ScalarType.of(result) : ScalarType.of(result) == ScalarType.F64 ? ScalarType.F64 : ScalarType.F32;
    }

    /**
     * Codes are multiplied as they are where the right ones are a constant matrix, whose columns' sums are known; what the zero
     * points take away is then a few products for each result: Σ (a − p)(b − q) = Σ ab − p Σ b − q (Σ a − kp).
     */
    private static Array ofCodes(OperationSite site) {
        TensorBuilder b = site.builder();
        Array left = site.operand(0);
        Array right = site.operand(1);
        WeightData matrix = left.rank() < 2 || right.rank() != 2 || !isSimple(site, 2, left) || !isSimple(site, 3, right)
                ? null : b.constantElements(right);
        if (matrix == null) {
            return product(site, withoutZero(site, left, 2), withoutZero(site, right, 3));
        }
        Array codes = b.inMemory(left);
        Array raw = product(site, codes, right);
        if (!site.has(2) && !site.has(3)) {
            return raw;
        }
        Scalar zero = constant(ScalarType.I32, 0);
        Scalar p = site.has(2) ? b.define(OperationSite.convert(only(site.operand(2)), ScalarType.I32)) : zero;
        Scalar k = OperationSite.convert(codes.dim(-1), ScalarType.I32);
        Array rows = rowSums(b, codes, multiply(k, p));
        Array q = site.has(3) ? site.operand(3) : b.constant(Tensor.ofLongs(right.element(), new long[] {0}));
        return b.elementwise(ElementType.I32, raw.dims(), List.of(raw, b.constant(ColumnSums.of(matrix)), q, rows), v -> subtract(
                subtract(v.get(0), multiply(p, v.get(1))), multiply(OperationSite.convert(v.get(2), ScalarType.I32), v.get(3))));
    }

    /** The sums of the last axis, which becomes 1, less what zero points make of each. */
    private static Array rowSums(TensorBuilder b, Array codes, Scalar less) {
        int last = codes.rank() - 1;
        List<Scalar.Loop> loops = b.loops(codes.dims());
        List<Scalar> dims = new ArrayList<>(codes.dims());
        dims.set(last, Index.ONE);
        Buffer output = b.allocate(ElementType.I32, dims);
        Scalar code = OperationSite.convert(codes.at(TensorBuilder.counters(loops)), ScalarType.I32);
        Scalar sum = new Scalar.Reduce(BinaryFunction.ADD, constant(ScalarType.I32, 0), loops.subList(last, last + 1), code);
        b.compute(Nest.of(output, loops.subList(0, last), subtract(sum, less)));
        return Array.of(output);
    }

    /** A zero point for all of the left codes, or for all or each column of the right ones. */
    private static boolean isSimple(OperationSite site, int operand, Array codes) {
        Array zero = site.has(operand) ? site.operand(operand) : null;
        return zero == null || zero.dims().stream().allMatch(dim -> Index.is(dim, 1)) || operand == 3 && zero.rank() == 1;
    }

    private static Scalar only(Array single) {
        return single.at(single.dims().stream().map(dim -> Index.ZERO).toList());
    }

    private static Array withoutZero(OperationSite site, Array codes, int operand) {
        List<Array> operands = site.has(operand) ? List.of(codes, site.operand(operand)) : List.of(codes);
        return site.builder().elementwise(ElementType.I32, codes.dims(), operands, v -> {
            Scalar x = OperationSite.convert(v.get(0), ScalarType.I32);
            return v.size() == 1 ? x : subtract(x, OperationSite.convert(v.get(1), ScalarType.I32));
        });
    }

    private static Array product(OperationSite site) {
        return product(site, site.operand(0), site.operand(1));
    }

    /** As numpy.matmul: a vector is a row on the left, a column on the right, and its axis goes from the result. */
    private static Array product(OperationSite site, Array left, Array right) {
        TensorBuilder b = site.builder();
        boolean row = left.rank() == 1;
        boolean column = right.rank() == 1;
        Array a = row ? b.reshape(left, List.of(Index.ONE, left.dim(0))) : left;
        Array c = column ? b.reshape(right, List.of(right.dim(0), Index.ONE)) : right;
        List<Scalar> dims = new ArrayList<>(b.broadcast(List.of(a.dims().subList(0, a.rank() - 2), c.dims().subList(0, c.rank() - 2))));
        int batch = dims.size();
        dims.add(a.dim(-2));
        dims.add(c.dim(-1));
        List<Scalar> shown = new ArrayList<>(dims);
        if (column) {
            shown.remove(batch + 1);
        }
        if (row) {
            shown.remove(batch);
        }
        ElementType element = site.resultElement();
        List<Scalar> agreed = site.dims(shown);
        List<Scalar> full = new ArrayList<>(agreed);
        if (row) {
            full.add(batch, Index.ONE);
        }
        if (column) {
            full.add(Index.ONE);
        }
        Array product = b.matMul(a, c, full, element, sumOf(a.element(), element));
        return b.reshape(product, agreed);
    }

    private static List<Array> gemm(OperationSite site) {
        TensorBuilder b = site.builder();
        Array a = turned(site.operand(0), site.operation().intAttribute("transA") != 0);
        Array c = turned(site.operand(1), site.operation().intAttribute("transB") != 0);
        double alpha = site.operation().realAttribute("alpha");
        double beta = site.operation().realAttribute("beta");
        ElementType element = site.resultElement();
        List<Scalar> dims = site.dims(List.of(a.dim(0), c.dim(1)));
        ScalarType sum = sumOf(element, element);
        Array product = b.matMul(a, c, dims, element, sum);
        if (alpha == 1 && !site.has(2)) {
            return List.of(product);
        }
        List<Array> operands = new ArrayList<>(List.of(product));
        if (site.has(2)) {
            operands.add(site.operand(2));
        }
        return List.of(b.elementwise(element, dims, operands, v -> {
            Scalar scaled = scaled(v.get(0), alpha);
            return rounded(element, v.size() == 1 ? scaled : add(scaled, scaled(v.get(1), beta)));
        }));
    }

    private static Scalar scaled(Scalar x, double by) {
        return by == 1 ? x : x.type().isFloat() ? multiply(constant(x.type(), by), x)
                : OperationSite.convert(multiply(constant(ScalarType.F64, by), OperationSite.convert(x, ScalarType.F64)), x.type());
    }

    /** A matrix, or its transpose. */
    static Array turned(Array matrix, boolean transposed) {
        return transposed ? MovementCode.permuted(matrix, List.of(1, 0), List.of(matrix.dim(1), matrix.dim(0))) : matrix;
    }
}
