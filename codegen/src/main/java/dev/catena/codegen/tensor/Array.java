package dev.catena.codegen.tensor;

import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * A tensor while code is made: in memory, or an expression over its index that whoever reads it takes into its own loops.
 * The latter is how neighbouring elementwise operations become one nest.
 */
public final class Array {
    /** The element at an index. */
    @FunctionalInterface
    public interface Elements {
        Scalar at(List<Scalar> index);
    }

    private final ElementType element;
    private final List<Scalar> dims;
    private final Elements elements;
    private final Buffer buffer;
    private final Set<Buffer> reads;
    private final boolean computes;
    private final UnaryOperator<Scalar> flat;
    private final int links;

    private Array(ElementType element, List<Scalar> dims, Elements elements, Buffer buffer, Set<Buffer> reads, boolean computes,
            UnaryOperator<Scalar> flat, int links) {
        this.flat = flat;
        this.links = links;
        this.element = element;
        this.dims = List.copyOf(dims);
        this.elements = elements;
        this.buffer = buffer;
        this.reads = reads;
        this.computes = computes;
    }

    /** What lies in a buffer. */
    public static Array of(Buffer buffer) {
        if (buffer.place() instanceof Buffer.Constant constant && constant.value().size() == 1) {
            Scalar literal = literal(constant.value(), 0);
            return new Array(buffer.element(), buffer.dims(), index -> literal, buffer, Set.of(buffer), false, place -> literal, 0);
        }
        return new Array(buffer.element(), buffer.dims(), index -> new Scalar.Load(buffer, Index.linear(buffer.dims(), index)),
                buffer, Set.of(buffer.owner()), false, place -> new Scalar.Load(buffer, place), 0);
    }

    /** Elements that are moved from others. */
    public static Array moved(ElementType element, List<Scalar> dims, List<Array> from, Elements elements) {
        return new Array(element, dims, elements, null, union(from), from.stream().anyMatch(a -> a.computes), null, linksOf(from));
    }

    /** Elements that are computed from others. */
    public static Array computed(ElementType element, List<Scalar> dims, List<Array> from, Elements elements) {
        return new Array(element, dims, elements, null, union(from), true, null, linksOf(from));
    }

    /**
     * Each element computed from those at the same place of {@code from}, which have the same dimensions.
     *
     * @param value of the operands' elements, in their order
     */
    public static Array elementwise(ElementType element, List<Scalar> dims, List<Array> from, Function<List<Scalar>, Scalar> value) {
        boolean flat = from.stream().allMatch(a -> a.flat != null);
        return new Array(element, dims, index -> value.apply(from.stream().map(a -> a.at(index)).toList()), null, union(from), true,
                flat ? place -> value.apply(from.stream().map(a -> a.flat.apply(place)).toList()) : null, linksOf(from));
    }

    /** The same elements, found another way. */
    Array found(List<Scalar> otherDims, Elements at, UnaryOperator<Scalar> flatly) {
        return new Array(element, otherDims, at, null, reads, computes, flatly, links + 1);
    }

    /** The same elements in the same order under other dimensions; only where {@link #flat} isn't null. */
    Array reshaped(List<Scalar> otherDims) {
        return new Array(element, otherDims, index -> flat.apply(Index.linear(otherDims, index)), null, reads, computes, flat, links + 1);
    }

    /** The element at a place in row-major order, or null where that isn't simpler than by its index. */
    UnaryOperator<Scalar> flat() {
        return flat;
    }

    static Scalar literal(Tensor tensor, int index) {
        ScalarType type = ScalarType.of(tensor.element());
        return new Scalar.Literal(type, type.isFloat() ? Double.doubleToRawLongBits(tensor.get(index)) : tensor.getLong(index));
    }

    private static int linksOf(List<Array> from) {
        return (int) Math.min(Integer.MAX_VALUE, 1 + from.stream().mapToLong(a -> a.links).sum());
    }

    private static Set<Buffer> union(List<Array> from) {
        Set<Buffer> all = new LinkedHashSet<>();
        from.forEach(array -> all.addAll(array.reads));
        return all;
    }

    public ElementType element() {
        return element;
    }

    /** What its elements are computed in. */
    public ScalarType type() {
        return ScalarType.of(element);
    }

    public List<Scalar> dims() {
        return dims;
    }

    public Scalar dim(int axis) {
        return dims.get(axis < 0 ? axis + dims.size() : axis);
    }

    public int rank() {
        return dims.size();
    }

    public Scalar at(List<Scalar> index) {
        return elements.at(index);
    }

    /** The buffer, where it lies in one whole, else null. */
    public Buffer buffer() {
        return buffer;
    }

    /** The buffers that own what it reads. */
    public Set<Buffer> reads() {
        return reads;
    }

    /** Whether reading an element costs more than finding it. */
    public boolean computes() {
        return computes;
    }

    /** How many arrays are found and computed on the way to an element: 0 for what lies in memory. */
    int links() {
        return links;
    }

    /** The elements where they are known, else null. */
    public Tensor constant() {
        return buffer != null && buffer.place() instanceof Buffer.Constant constant ? constant.value() : null;
    }
}
