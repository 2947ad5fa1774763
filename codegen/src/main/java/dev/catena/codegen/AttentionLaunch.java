package dev.catena.codegen;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Causal attention over the cache: head h of row r is softmax(scale · q · kᵀ) · v over the positions 0 … positions[r] of
 * its sequence, with KV head h / (heads / kv.heads). With a window only the last of these positions count, with a cap a
 * score s becomes cap · tanh(s / cap). With slopes a score falls by the head's slope for each position that it lies back (ALiBi,
 * Press 2021); with sinks the softmax has one more element, of the head's logit, which weighs no value.
 *
 * @param q [rows, heads · dim], rotated
 * @param y [rows, heads · dim]; must not overlap q
 * @param window positions that a row sees, its own among them; 0 for all
 * @param softcap 0 for none
 * @param slopes f32 [heads]
 * @param sinks f32 [heads]
 */
public record AttentionLaunch(View q, View y, int heads, float scale, int window, float softcap, Optional<Buffer.Weight> slopes,
        Optional<Buffer.Weight> sinks, KvFormat kv) implements Launch {
    public AttentionLaunch {
        if (window < 0 || !(softcap >= 0)) {
            throw new IllegalArgumentException("attention with a window of " + window + " and a cap of " + softcap);
        }
        if (heads % kv.heads() != 0 || q.columns() != heads * kv.dim() || y.columns() != q.columns()) {
            throw new IllegalArgumentException("attention from " + q + " to " + y + ", heads " + heads + ", " + kv);
        }
    }

    /** Without slopes and sinks. */
    public AttentionLaunch(View q, View y, int heads, float scale, int window, float softcap, KvFormat kv) {
        this(q, y, heads, scale, window, softcap, Optional.empty(), Optional.empty(), kv);
    }

    /** Over all positions, without a cap. */
    public AttentionLaunch(View q, View y, int heads, float scale, KvFormat kv) {
        this(q, y, heads, scale, 0, 0, kv);
    }

    @Override
    public List<View> reads() {
        return List.of(q);
    }

    @Override
    public List<View> writes() {
        return List.of(y);
    }

    @Override
    public boolean readsCache() {
        return true;
    }

    @Override
    public Stream<Buffer.Weight> weights() {
        return Stream.concat(slopes.stream(), sinks.stream());
    }
}
