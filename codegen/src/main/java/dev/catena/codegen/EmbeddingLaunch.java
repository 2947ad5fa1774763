package dev.catena.codegen;

import java.util.List;
import java.util.stream.Stream;

/**
 * y[r] = table[tokens[r]], or table[positions[r]], for the step's rows.
 *
 * @param type [vocabulary, width]
 * @param table row after row, as the target wants a row
 * @param key   what of a row looks up
 */
public record EmbeddingLaunch(View y, MatrixType type, Buffer.Weight table, Key key) implements Launch {
    /** What a table is looked up by. */
    public enum Key { TOKEN, POSITION }

    public EmbeddingLaunch {
        if (y.columns() != type.columns()) {
            throw new IllegalArgumentException("embedding " + type + " to " + y);
        }
    }

    /** By token. */
    public EmbeddingLaunch(View y, MatrixType type, Buffer.Weight table) {
        this(y, type, table, Key.TOKEN);
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
