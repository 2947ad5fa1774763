package dev.catena.codegen;

import java.util.List;
import java.util.stream.Stream;

/** y[i] = x[selected_rows[i]]: the rows whose logits are wanted, laid end to end. */
public record SelectRowsLaunch(View x, View y) implements Launch {
    public SelectRowsLaunch {
        if (x.columns() != y.columns()) {
            throw new IllegalArgumentException("select_rows from " + x + " to " + y);
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
        return Stream.empty();
    }
}
