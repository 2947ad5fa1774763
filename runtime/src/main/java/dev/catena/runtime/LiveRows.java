package dev.catena.runtime;

/** Rows of a step whose logits are wanted. */
public final class LiveRows {
    /** The logits of a step that wants them all take at most this much; such steps have fewer rows instead. */
    private static final long MOST_LOGITS_BYTES = 1L << 30;

    private LiveRows() {}

    /** How many a step of up to {@code maxRows} rows may have; at least one. */
    public static int most(int maxRows, int vocabulary) {
        return (int) Math.max(1, Math.min(maxRows, MOST_LOGITS_BYTES / (4L * vocabulary)));
    }
}
