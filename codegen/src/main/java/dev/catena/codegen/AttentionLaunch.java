package dev.catena.codegen;

import java.util.List;
import java.util.stream.Stream;

/**
 * Causal attention over the cache: head h of row r is softmax(scale · q · kᵀ) · v over the positions 0 … positions[r] of
 * its sequence, with KV head h / (heads / kv.heads).
 *
 * @param q [rows, heads · dim], rotated
 * @param y [rows, heads · dim]; must not overlap q
 */
public record AttentionLaunch(View q, View y, int heads, float scale, KvFormat kv) implements Launch {
    public AttentionLaunch {
        if (heads % kv.heads() != 0 || q.columns() != heads * kv.dim() || y.columns() != q.columns()) {
            throw new IllegalArgumentException("attention from " + q + " to " + y + ", heads " + heads + ", " + kv);
        }
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
        return Stream.empty();
    }
}
