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
import dev.catena.codegen.tensor.Failure;
import dev.catena.codegen.tensor.Index;
import dev.catena.codegen.tensor.OperationCode;
import dev.catena.codegen.tensor.OperationSite;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.ScalarType;
import dev.catena.codegen.tensor.TensorBuilder;
import dev.catena.codegen.tensor.UnaryFunction;
import dev.catena.ir.ElementType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Attention and rotary positions as ONNX has them: two products with a softmax between them, its masks read as it goes. */
final class AttentionCode {
    private static final int PRODUCTS = 0;
    private static final int CAPPED = 1;
    private static final int MASKED = 2;

    private AttentionCode() {}

    static void addTo(Map<String, OperationCode> codes) {
        codes.put("onnx.Attention", AttentionCode::attention);
        codes.put("onnx.RotaryEmbedding", AttentionCode::rotary);
    }

    /** [batch, heads, rows, size] of what may be [batch, rows, heads · size]. */
    private static Array headed(OperationSite site, Array x, String headsAttribute) {
        if (x.rank() == 4) {
            return x;
        }
        TensorBuilder b = site.builder();
        Scalar heads = Index.of(site.operation().intAttribute(headsAttribute));
        Scalar size = b.define(Index.divide(x.dim(2), heads));
        b.check(Index.equal(b.define(Index.multiply(size, heads)), x.dim(2)), Failure.SHAPE);
        Array parts = b.reshape(x, List.of(x.dim(0), x.dim(1), heads, size));
        return MovementCode.permuted(parts, List.of(0, 2, 1, 3), List.of(x.dim(0), heads, x.dim(1), size));
    }

    /** The reverse, where the result has three dimensions. */
    private static Array unheaded(OperationSite site, Array y, List<Scalar> dims) {
        if (dims.size() == 4) {
            return y;
        }
        Array rows = MovementCode.permuted(y, List.of(0, 2, 1, 3), List.of(y.dim(0), y.dim(2), y.dim(1), y.dim(3)));
        return site.builder().reshape(rows, dims);
    }

    /** {@code past} and {@code x} end to end along the rows; the dimensions are those of a result. */
    private static Array joined(OperationSite site, Array past, Array x, int result) {
        TensorBuilder b = site.builder();
        List<Scalar> dims = new ArrayList<>(x.dims());
        if (past == null) {
            return b.inMemory(x);
        }
        for (int axis : new int[] {0, 1, 3}) {
            b.check(Index.equal(past.dim(axis), x.dim(axis)), Failure.SHAPE);
        }
        dims.set(2, b.define(Index.add(past.dim(2), x.dim(2))));
        List<Scalar> agreed = result < site.operation().results().size() ? b.dims(site.operation().result(result), dims) : dims;
        Buffer output = b.allocate(x.element(), agreed);
        b.store(output, past, List.of(Index.ZERO, Index.ZERO, Index.ZERO, Index.ZERO));
        b.store(output, x, List.of(Index.ZERO, Index.ZERO, past.dim(2), Index.ZERO));
        return Array.of(output);
    }

    private static Array optional(OperationSite site, int operand) {
        return site.has(operand) ? site.operand(operand) : null;
    }

    private static List<Array> attention(OperationSite site) {
        TensorBuilder b = site.builder();
        ElementType element = site.resultElement();
        ElementType wide = ReductionCode.wide(element);
        ScalarType type = ScalarType.of(wide);
        Array q = b.inMemory(headed(site, site.operand(0), "q_num_heads"));
        Array past = optional(site, 4);
        Array k = joined(site, past, headed(site, site.operand(1), "kv_num_heads"), 1);
        Array v = joined(site, optional(site, 5), headed(site, site.operand(2), "kv_num_heads"), 2);
        Scalar batch = q.dim(0);
        Scalar heads = q.dim(1);
        Scalar rows = q.dim(2);
        Scalar keys = k.dim(2);
        Scalar kvHeads = k.dim(1);
        b.check(Index.and(Index.less(Index.ZERO, kvHeads), Index.and(Index.equal(v.dim(1), kvHeads), Index.and(Index.equal(v.dim(2), keys),
                Index.and(Index.equal(k.dim(0), batch), Index.equal(v.dim(0), batch))))), Failure.SHAPE);
        Scalar shared = b.define(Index.divide(heads, Index.maximum(kvHeads, Index.ONE)));
        b.check(Index.equal(b.define(Index.multiply(shared, kvHeads)), heads), Failure.SHAPE);

        // Heads that share keys lie end to end: they are rows of one product.
        Scalar together = b.define(Index.multiply(shared, rows));
        Array queries = b.reshape(q, List.of(batch, kvHeads, together, q.dim(3)));
        Array keysTurned = MovementCode.permuted(k, List.of(0, 1, 3, 2), List.of(batch, kvHeads, k.dim(3), keys));
        List<Scalar> scoreDims = List.of(batch, heads, rows, keys);
        Array products = b.reshape(b.matMul(queries, keysTurned, List.of(batch, kvHeads, together, keys), wide, type), scoreDims);

        Scalar scale = site.operation().hasAttribute("scale") ? constant(type, site.operation().realAttribute("scale"))
                : divide(constant(type, 1.0), apply(UnaryFunction.SQUARE_ROOT, OperationSite.convert(q.dim(3), type)));
        double cap = site.operation().realAttribute("softcap");
        Visibility seen = new Visibility(site, q, keys, past == null ? Index.ZERO : past.dim(2), type);
        List<Array> read = new ArrayList<>(List.of(products));
        read.addAll(seen.reads());
        Array scaled = Array.computed(wide, scoreDims, List.of(products), index -> multiply(products.at(index), scale));
        Array capped = cap <= 0 ? scaled : Array.computed(wide, scoreDims, List.of(scaled), index -> multiply(constant(type, cap),
                apply(UnaryFunction.TANH, divide(scaled.at(index), constant(type, cap)))));
        Array masked = b.inMemory(Array.computed(wide, scoreDims, read, index -> add(capped.at(index), seen.bias(index))));
        Array shares = shares(site, masked, seen, wide);
        Array weighted = b.reshape(b.inMemory(shares), List.of(batch, kvHeads, together, keys));
        Array y = b.reshape(b.matMul(weighted, v, List.of(batch, kvHeads, together, v.dim(3)), element, type),
                List.of(batch, heads, rows, v.dim(3)));
        List<Scalar> dims = site.operand(0).rank() == 4 ? y.dims()
                : List.of(batch, rows, b.define(Index.multiply(heads, v.dim(3))));
        long mode = site.operation().intAttribute("qk_matmul_output_mode");
        Array shown = mode == PRODUCTS ? scaled : mode == CAPPED ? capped : mode == MASKED ? masked : shares;
        Array output = Array.computed(element, scoreDims, List.of(shown), index -> rounded(element, shown.at(index)));
        return List.of(unheaded(site, y, site.dims(dims)), k, v, output);
    }

    /** The softmax of each row of scores; a row that sees nothing has none. */
    private static Array shares(OperationSite site, Array scores, Visibility seen, ElementType wide) {
        ScalarType type = scores.type();
        ElementType precision = site.operation().hasAttribute("softmax_precision") ? site.operation().elementAttribute("softmax_precision")
                : wide;
        boolean narrow = precision != ElementType.F64 && precision != ElementType.F32;
        Array from = narrow ? Array.computed(wide, scores.dims(), List.of(scores), index -> rounded(precision, scores.at(index))) : scores;
        boolean[] axes = {false, false, false, true};
        Array max = ReductionCode.along(site, from, axes, wide, BinaryFunction.MAXIMUM, Scalars.least(type), x -> x, x -> x);
        Array visible = seen.any(scores.dims());
        Scalar zero = constant(type, 0);
        List<Array> read = new ArrayList<>(List.of(from, max));
        if (visible != null) {
            read.add(visible);
        }
        Array powers = site.builder().inMemory(Array.computed(wide, scores.dims(), read, index -> {
            Scalar most = max.at(ReductionCode.collapsed(index, axes));
            Scalar nothing = apply(BinaryFunction.EQUAL, most, Scalars.least(type));
            Scalar hidden = visible == null ? nothing
                    : Index.or(nothing, MovementCode.not(visible.at(ReductionCode.collapsed(index, axes))));
            return select(hidden, zero, apply(UnaryFunction.EXP, subtract(from.at(index), most)));
        }));
        Array sum = ReductionCode.along(site, powers, axes, wide, BinaryFunction.ADD, zero, x -> x, x -> x);
        return Array.computed(wide, scores.dims(), List.of(powers, sum), index -> {
            Scalar all = sum.at(ReductionCode.collapsed(index, axes));
            Scalar share = select(apply(BinaryFunction.EQUAL, all, zero), zero, divide(powers.at(index), all));
            return narrow ? rounded(precision, share) : share;
        });
    }

    /** What is added to the score of a key before the softmax: minus infinity where it isn't seen. */
    private static final class Visibility {
        private final OperationSite site;
        private final ScalarType type;
        private final Array mask;
        private final Scalar columns;
        private final Array lengths;
        private final Scalar rows;
        private final Scalar past;
        private final boolean causal;
        private final long left;
        private final long right;

        Visibility(OperationSite site, Array q, Scalar keys, Scalar past, ScalarType type) {
            TensorBuilder b = site.builder();
            this.site = site;
            this.type = type;
            this.past = past;
            rows = q.dim(2);
            causal = site.operation().intAttribute("is_causal") != 0;
            left = site.operation().intAttribute("left_window_size");
            right = site.operation().intAttribute("right_window_size");
            lengths = site.has(6) ? b.inMemory(site.operand(6)) : null;
            if (lengths != null) {
                b.check(Index.equal(b.define(Index.product(lengths.dims())), q.dim(0)), Failure.SHAPE);
            }
            if (!site.has(3)) {
                mask = null;
                columns = null;
                return;
            }
            Array given = b.cheap(site.operand(3));
            columns = given.dim(-1);
            b.check(Index.and(Index.less(Index.ZERO, columns), Index.lessOrEqual(columns, keys)), Failure.SHAPE);
            mask = b.broadcast(given, List.of(q.dim(0), q.dim(1), rows, columns));
            List<Scalar> wanted = List.of(q.dim(0), q.dim(1), rows);
            for (int axis = 0; axis < given.rank() - 1; axis++) {
                Scalar own = given.dim(axis);
                b.check(Index.or(Index.equal(own, Index.ONE), Index.equal(own, wanted.get(axis + 4 - given.rank()))), Failure.SHAPE);
            }
        }

        List<Array> reads() {
            List<Array> all = new ArrayList<>();
            if (mask != null) {
                all.add(mask);
            }
            if (lengths != null) {
                all.add(lengths);
            }
            return all;
        }

        Scalar bias(List<Scalar> index) {
            Scalar row = index.get(2);
            Scalar key = index.get(3);
            Scalar length = lengths == null ? null
                    : OperationSite.convert(lengths.at(lengths.rank() == 1 ? List.of(index.get(0)) : List.of()), ScalarType.INDEX);
            Scalar position = Index.add(row, length == null ? past : Index.subtract(length, rows));
            Scalar hidden = Index.truth(false);
            if (causal) {
                hidden = Index.or(hidden, Index.less(position, key));
            }
            if (left >= 0) {
                hidden = Index.or(hidden, Index.less(Index.of(left), Index.subtract(position, key)));
            }
            if (right >= 0) {
                hidden = Index.or(hidden, Index.less(Index.of(right), Index.subtract(key, position)));
            }
            if (length != null) {
                hidden = Index.or(hidden, Index.lessOrEqual(length, key));
            }
            Scalar zero = constant(type, 0);
            Scalar none = Scalars.least(type);
            Scalar value = zero;
            if (mask != null) {
                List<Scalar> at = new ArrayList<>(index);
                at.set(3, Index.minimum(key, Index.subtract(columns, Index.ONE)));
                Scalar given = mask.at(at);
                value = mask.element() == ElementType.BOOL ? select(given, zero, none) : OperationSite.convert(given, type);
                value = Index.select(Index.lessOrEqual(columns, key), none, value);
            }
            return Index.select(hidden, none, value);
        }

        /** Whether a row sees any key: [batch, heads, rows, 1]; null where it sees all. */
        Array any(List<Scalar> scoreDims) {
            if (!causal && left < 0 && right < 0 && lengths == null && mask == null) {
                return null;
            }
            Array visible = Array.computed(ElementType.BOOL, scoreDims, reads(),
                    index -> Index.less(Scalars.least(type), bias(index)));
            return ReductionCode.along(site, visible, new boolean[] {false, false, false, true}, ElementType.BOOL, BinaryFunction.OR,
                    constant(ScalarType.BOOL, 0), x -> x, x -> x);
        }
    }

    private static List<Array> rotary(OperationSite site) {
        TensorBuilder b = site.builder();
        Array x = b.cheap(headed(site, site.operand(0), "num_heads"));
        Array cos = b.cheap(site.operand(1));
        Array sin = b.cheap(site.operand(2));
        Array positions = site.has(3) ? b.cheap(site.operand(3)) : null;
        boolean interleaved = site.operation().intAttribute("interleaved") != 0;
        long wanted = site.operation().intAttribute("rotary_embedding_dim");
        Scalar half = wanted > 0 ? Index.of(wanted / 2) : b.define(Index.divide(x.dim(3), Index.of(2)));
        Scalar turned = b.define(Index.multiply(half, Index.of(2)));
        b.check(Index.and(Index.less(Index.ZERO, half), Index.lessOrEqual(turned, x.dim(3))), Failure.SHAPE);
        for (Array table : List.of(cos, sin)) {
            b.check(Index.equal(table.dim(-1), half), Failure.SHAPE);
            b.check(positions != null ? Index.equal(table.dim(0), cos.dim(0))
                    : Index.and(Index.equal(table.dim(0), x.dim(0)), Index.equal(table.dim(1), x.dim(2))), Failure.SHAPE);
        }
        if (positions != null) {
            b.check(Index.and(Index.equal(positions.dim(0), x.dim(0)), Index.equal(positions.dim(1), x.dim(2))), Failure.SHAPE);
            b.check(Index.less(Index.ZERO, cos.dim(0)), Failure.INDEX);
        }
        ElementType element = site.resultElement();
        List<Array> read = new ArrayList<>(List.of(x, cos, sin));
        if (positions != null) {
            read.add(positions);
        }
        Array y = Array.computed(element, x.dims(), read, index -> {
            Scalar i = index.get(3);
            Scalar pair = interleaved ? Index.divide(Index.remainder(i, turned), Index.of(2)) : Index.remainder(i, half);
            Scalar isFirst = interleaved ? Index.equal(Index.remainder(i, Index.of(2)), Index.ZERO) : Index.less(i, half);
            List<Scalar> angle = positions == null ? List.of(index.get(0), index.get(2), pair)
                    : List.of(IndexingCode.checked(site, positions.at(List.of(index.get(0), index.get(2))), cos.dim(0)), pair);
            Scalar first = x.at(with(index, interleaved ? Index.multiply(pair, Index.of(2)) : pair));
            Scalar second = x.at(with(index, interleaved ? Index.add(Index.multiply(pair, Index.of(2)), Index.ONE) : Index.add(pair, half)));
            Scalar rotated = select(isFirst, subtract(multiply(cos.at(angle), first), multiply(sin.at(angle), second)),
                    add(multiply(sin.at(angle), first), multiply(cos.at(angle), second)));
            return rounded(element, Index.select(Index.less(i, turned), rotated, x.at(index)));
        });
        return List.of(unheaded(site, y, site.dims(site.operand(0).dims())));
    }

    private static List<Scalar> with(List<Scalar> index, Scalar last) {
        List<Scalar> other = new ArrayList<>(index);
        other.set(3, last);
        return other;
    }
}
