package dev.catena.codegen;

import java.util.List;
import java.util.stream.Stream;

/**
 * Rotates queries and keys by their position, and writes keys and values to the cache.
 *
 * <p>For a head x, the tables' row p of the position and pairs (i, j): out[i] = x[i] · cos[p][i] − x[j] · sin[p][i],
 * out[j] = x[j] · cos[p][j] + x[i] · sin[p][j]. Pairs are i and i + rotary / 2, or neighbours where interleaved; elements from
 * {@code rotary} on pass through.
 *
 * @param q [rows, heads · dim]
 * @param k [rows, kv.heads · dim]
 * @param v [rows, kv.heads · dim]
 * @param rotatedQ [rows, heads · dim]; may be the same view as q
 * @param cos [tableRows, rotary], as is sin
 * @param tablesF16 the tables are f16 rather than f32
 * @param rotary elements of a head that are rotated, even; 0 for none (the tables are not read)
 * @param interleaved whether neighbours make a pair
 */
public record RopeAppendLaunch(View q, View k, View v, View rotatedQ, Buffer.Weight cos, Buffer.Weight sin,
        boolean tablesF16, int tableRows, int rotary, boolean interleaved, int heads, KvFormat kv) implements Launch {
    public RopeAppendLaunch {
        int dim = kv.dim();
        if (rotary < 0 || rotary > dim || rotary % 2 != 0 || heads % kv.heads() != 0 || q.columns() != heads * dim
                || rotatedQ.columns() != q.columns() || k.columns() != kv.heads() * dim || v.columns() != k.columns()) {
            throw new IllegalArgumentException("rope_append: q " + q + ", k " + k + ", v " + v + " to " + rotatedQ + ", rotary "
                    + rotary + ", heads " + heads + ", " + kv);
        }
    }

    /** In the rotate-half form. */
    public RopeAppendLaunch(View q, View k, View v, View rotatedQ, Buffer.Weight cos, Buffer.Weight sin, boolean tablesF16,
            int tableRows, int rotary, int heads, KvFormat kv) {
        this(q, k, v, rotatedQ, cos, sin, tablesF16, tableRows, rotary, false, heads, kv);
    }

    @Override
    public List<View> reads() {
        return List.of(q, k, v);
    }

    @Override
    public List<View> writes() {
        return List.of(rotatedQ);
    }

    @Override
    public boolean writesCache() {
        return true;
    }

    @Override
    public Stream<Buffer.Weight> weights() {
        return rotary == 0 ? Stream.empty() : Stream.of(cos, sin);
    }
}
