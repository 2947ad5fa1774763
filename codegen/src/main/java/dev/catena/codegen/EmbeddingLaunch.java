package dev.catena.codegen;

import java.util.List;
import java.util.stream.Stream;

/**
 * y[r] = table[tokens[r]], for the step's rows.
 *
 * @param type [vocabulary, width]
 * @param table row after row, as the target wants a row
 */
public record EmbeddingLaunch(View y, MatrixType type, Buffer.Weight table) implements Launch {
    public EmbeddingLaunch {
        if (y.columns() != type.columns()) {
            throw new IllegalArgumentException("embedding " + type + " to " + y);
        }
    }

    @Override
    public List<View> reads() {
        return List.of();
    }

    @Override
    public List<View> writes() {
        return List.of(y);
    }

    @Override
    public Stream<Buffer.Weight> weights() {
        return Stream.of(table);
    }
}
