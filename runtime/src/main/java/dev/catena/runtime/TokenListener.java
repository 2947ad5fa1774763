package dev.catena.runtime;

/**
 * Hears what a {@link Request} generates, on the scheduler's own thread: all other requests wait while it runs. It may
 * submit and cancel requests; what it throws ends its request with {@link FinishReason#FAILED}.
 */
public interface TokenListener {
    /** The next token; not called for an end-of-text or stop id. */
    void token(Request request, int id);

    /** The last call: {@link Request#finishReason} is set. */
    default void ended(Request request) {
    }
}
