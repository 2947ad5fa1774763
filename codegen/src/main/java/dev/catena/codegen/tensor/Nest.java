package dev.catena.codegen.tensor;

import java.util.List;
import java.util.Optional;

/**
 * A loop nest over any number of dimensions: for each index of a space, one value is computed and stored.
 *
 * <p>(The older {@link dev.catena.codegen.LoopNest} is a language model's: rows whose number is a step's, a fixed number of
 * columns, f32 throughout. Its kernels work in vectors that are spelled out; these leave that to the compiler.)
 *
 * @param loops      the space, outermost first
 * @param value      over the loops' counters
 * @param place      where in {@code output} a value is stored; absent: in row-major order of the space
 * @param combine    stores this function of what stood there and the value; absent: the value
 * @param sequential the space is walked in order by one thread, because values read what others have stored, or places
 *                   may repeat
 */
public record Nest(Buffer output, List<Scalar.Loop> loops, Scalar value, Optional<Scalar> place,
        Optional<BinaryFunction> combine, boolean sequential) {
    public Nest {
        loops = List.copyOf(loops);
    }

    /** A nest that gives each element of {@code output} its value. */
    public static Nest of(Buffer output, List<Scalar.Loop> loops, Scalar value) {
        return new Nest(output, loops, value, Optional.empty(), Optional.empty(), false);
    }
}
