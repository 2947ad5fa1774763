package dev.catena.codegen;

import java.util.List;
import java.util.stream.Stream;

/**
 * y[r, c] = x[r, c] / √(mean of x[r]² + epsilon) · weight[c], for each part of {@code width} columns by itself.
 *
 * @param width  columns of a part: all of a row's, or a head's
 * @param weight f32 [width]
 */
public record RmsNormLaunch(RowCount rows, View x, View y, int width, Buffer.Weight weight, float epsilon) implements Launch {
    public RmsNormLaunch {
        if (x.columns() != y.columns() || width < 1 || x.columns() % width != 0) {
            throw new IllegalArgumentException("rms_norm of " + width + " from " + x + " to " + y);
        }
    }

    /** Over whole rows. */
    public RmsNormLaunch(RowCount rows, View x, View y, Buffer.Weight weight, float epsilon) {
        this(rows, x, y, x.columns(), weight, epsilon);
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
        return Stream.of(weight);
    }
}
