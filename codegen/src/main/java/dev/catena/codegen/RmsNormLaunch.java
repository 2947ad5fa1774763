package dev.catena.codegen;

import java.util.List;
import java.util.stream.Stream;

/**
 * y[r, c] = x[r, c] / √(mean over c of x[r, c]² + epsilon) · weight[c].
 *
 * @param weight f32 [columns]
 */
public record RmsNormLaunch(RowCount rows, View x, View y, Buffer.Weight weight, float epsilon) implements Launch {
    public RmsNormLaunch {
        if (x.columns() != y.columns()) {
            throw new IllegalArgumentException("rms_norm from " + x + " to " + y);
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
        return Stream.of(weight);
    }
}
