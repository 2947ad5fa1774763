package dev.catena.codegen;

import java.util.List;
import java.util.stream.Stream;

/**
 * A {@link LoopNest} over the rows of a step.
 *
 * @param operands what the nest's loads read, by index; a view of a weight is a f32 vector repeated for each row (stride 0)
 * @param y [rows, nest.columns]; may be the same view as an operand, must not overlap one otherwise
 */
public record LoopNestLaunch(RowCount rows, LoopNest nest, List<View> operands, View y) implements Launch {
    public LoopNestLaunch {
        operands = List.copyOf(operands);
        nest.check(operands);
        if (y.columns() != nest.columns()) {
            throw new IllegalArgumentException("a nest of " + nest.columns() + " columns writes " + y);
        }
    }

    @Override
    public List<View> reads() {
        return operands.stream().filter(view -> !(view.buffer() instanceof Buffer.Weight)).toList();
    }

    @Override
    public List<View> writes() {
        return List.of(y);
    }

    @Override
    public Stream<Buffer.Weight> weights() {
        return operands.stream().map(View::buffer).filter(Buffer.Weight.class::isInstance).map(Buffer.Weight.class::cast);
    }
}
