package dev.catena.codegen;

import java.util.List;
import java.util.stream.Stream;

/**
 * y[r] = table[tokens[r]], or table[positions[r]], for the step's rows.
 *
 * @param type [vocabulary, width]
 * @param table row after row ({@link TableLayout}), or packed
 * @param key   what of a row looks up
 * @param packed the table lies as a linear layer wants its matrix ({@link MatrixLayout}), which it is, too
 */
public record EmbeddingLaunch(View y, MatrixType type, Buffer.Weight table, Key key, boolean packed) implements Launch {
    /** What a table is looked up by. */
    public enum Key { TOKEN, POSITION }

    public EmbeddingLaunch {
        if (y.columns() != type.columns()) {
            throw new IllegalArgumentException("embedding " + type + " to " + y);
        }
    }

    /** By token, row after row. */
    public EmbeddingLaunch(View y, MatrixType type, Buffer.Weight table) {
        this(y, type, table, Key.TOKEN, false);
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
