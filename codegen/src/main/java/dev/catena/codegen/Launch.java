package dev.catena.codegen;

import java.util.List;
import java.util.stream.Stream;

/**
 * One kernel over planned buffers: what lowering produces and what each target prints. Launches of a stage run in their
 * list's order, as if each ended before the next begins.
 */
public sealed interface Launch
        permits AttentionLaunch, EmbeddingLaunch, LayerNormLaunch, LinearLaunch, LoopNestLaunch, RmsNormLaunch, RopeAppendLaunch, SelectRowsLaunch {
    /** The activations it reads; weights, which nobody writes, are left out. */
    List<View> reads();

    /** The activations it writes. */
    List<View> writes();

    /** Whether it reads the stage's cache pages. */
    default boolean readsCache() {
        return false;
    }

    /** Whether it writes the stage's cache pages. */
    default boolean writesCache() {
        return false;
    }

    /** The weights it needs. */
    Stream<Buffer.Weight> weights();
}
