package dev.catena.codegen.cuda;

import java.util.ArrayList;
import java.util.List;

/**
 * A stage's launches for steps of up to so many rows.
 *
 * @param rows the most rows
 * @param launches in order; each begins when the one before has ended
 */
public record RowBucket(int rows, List<KernelLaunch> launches) {
    public RowBucket {
        launches = List.copyOf(launches);
    }

    /** The buckets' sizes: powers of two below {@code maxRows}, and that. */
    static List<Integer> sizes(int maxRows) {
        List<Integer> sizes = new ArrayList<>();
        for (int rows = 1; rows < maxRows; rows *= 2) {
            sizes.add(rows);
        }
        sizes.add(maxRows);
        return sizes;
    }
}
