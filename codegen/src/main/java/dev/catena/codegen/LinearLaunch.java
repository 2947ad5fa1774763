package dev.catena.codegen;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * y[r, n] = Σₖ x[r, k] · W[n, k] (+ bias[n]) (+ residual[r, n]).
 *
 * @param x [rows, type.columns]
 * @param y [rows, type.rows]; may be the same view as the residual, must not overlap x
 * @param weight packed as the target wants it
 * @param bias f32 [type.rows]
 */
public record LinearLaunch(RowCount rows, View x, View y, MatrixType type, Buffer.Weight weight,
        Optional<Buffer.Weight> bias, Optional<View> residual, Activations activations) implements Launch {
    /** What the products are computed in. */
    public enum Activations {
        /** Within f32's rounding. */
        F32,
        /** Both operands as bf16 where the target multiplies that; elsewhere, and with matrices that are quantized, at least as exact: a GPU takes f16. */
        BF16,
        /** Activations as int8 in blocks of some 64 to 128 columns with an f32 scale; has no effect on matrices that aren't quantized. */
        INT8
    }

    public LinearLaunch {
        if (x.columns() != type.columns() || y.columns() != type.rows()
                || residual.isPresent() && residual.get().columns() != type.rows()) {
            throw new IllegalArgumentException("linear " + type + " from " + x + " to " + y + ", residual " + residual);
        }
    }

    @Override
    public List<View> reads() {
        List<View> reads = new ArrayList<>(List.of(x));
        residual.ifPresent(reads::add);
        return reads;
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
