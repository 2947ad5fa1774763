package dev.catena.runtime;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;

/**
 * A tensor that goes into or comes out of a {@link TensorSession}: row-major, little-endian, without gaps.
 *
 * @param type {@code f64}, {@code f32}, {@code f16}, {@code bf16}, {@code i64}, {@code i32}, {@code i16}, {@code i8},
 *             {@code u64}, {@code u32}, {@code u16}, {@code u8}, {@code bool} (a byte, 0 or 1); {@code f8e4m3fn} and the other
 *             floats of 8 bits; types of less than 8 bits ({@code i4}, {@code u4}, {@code f4e2m1}, …), a byte for each element
 * @param dims the dimensions, none for a scalar
 * @param data the elements, from its position to its limit; neither is changed
 */
public record TensorValue(String type, long[] dims, ByteBuffer data) {
    private static final Map<String, Integer> WIDTHS = Map.ofEntries(Map.entry("f64", 8), Map.entry("i64", 8), Map.entry("u64", 8),
            Map.entry("f32", 4), Map.entry("i32", 4), Map.entry("u32", 4), Map.entry("f16", 2), Map.entry("bf16", 2),
            Map.entry("i16", 2), Map.entry("u16", 2));

    /** @throws IllegalArgumentException where the data don't have the size that type and dimensions ask for */
    public TensorValue {
        long bytes = width(type);
        for (long dim : dims) {
            if (dim < 0) {
                throw new IllegalArgumentException("a dimension of " + dim);
            }
            bytes = dim == 0 ? 0 : bytes > Long.MAX_VALUE / dim ? Long.MAX_VALUE : bytes * dim;
        }
        if (data.remaining() != bytes) {
            throw new IllegalArgumentException(data.remaining() + " bytes for " + bytes + " of " + text(type, dims));
        }
        data = data.slice().order(ByteOrder.LITTLE_ENDIAN);
        dims = dims.clone();
    }

    /** Bytes that an element of this type takes. */
    public static int width(String type) {
        return WIDTHS.getOrDefault(type, 1);
    }

    /** A view of the elements in little-endian order, from the first on. */
    @Override
    public ByteBuffer data() {
        return data.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    static String text(String type, long[] dims) {
        StringBuilder text = new StringBuilder(type).append('[');
        for (int i = 0; i < dims.length; i++) {
            text.append(i == 0 ? "" : ", ").append(dims[i]);
        }
        return text.append(']').toString();
    }

    /** The type and dimensions, such as {@code f32[2, 3]}. */
    @Override
    public String toString() {
        return text(type, dims);
    }
}
