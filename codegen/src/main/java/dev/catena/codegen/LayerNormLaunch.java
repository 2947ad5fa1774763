package dev.catena.codegen;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * y[r, c] = (x[r, c] − mean of x[r]) / √(variance of x[r] + epsilon) · weight[c] (+ bias[c]), for each part of {@code width}
 * columns by itself.
 *
 * @param width  columns of a part: all of a row's, or a head's
 * @param own    parts that have weights of their own, one after the other; 1 where all have the same
 * @param weight f32 [own · width]
 * @param bias   f32 [own · width]
 */
public record LayerNormLaunch(RowCount rows, View x, View y, int width, int own, Buffer.Weight weight, Optional<Buffer.Weight> bias,
        float epsilon) implements Launch {
    public LayerNormLaunch {
        if (x.columns() != y.columns() || width < 1 || own < 1 || x.columns() % (own * width) != 0) {
            throw new IllegalArgumentException("layer_norm of " + width + " from " + x + " to " + y);
        }
    }

    @Override
    public List<View> reads() {
        return List.of(x);
    }

    @Override
    public List<View> writes() {
        return List.of(y);
    }

    @Override
    public Stream<Buffer.Weight> weights() {
        return Stream.concat(Stream.of(weight), bias.stream());
    }
}
