package dev.catena.runtime;

/** Why a {@link Generation} or a {@link Request} ended. */
public enum FinishReason {
    /** The model gave one of its end-of-text ids. */
    EOS,
    /** The application found a stop text ({@link Generation#stop}). */
    STOP_TEXT,
    /** One of {@link GenerationOptions#stopIds} came. */
    STOP_ID,
    /** {@link GenerationOptions#maxTokens} were generated. */
    LENGTH,
    /** The session's context, or the KV cache it shares with its forks, is full. */
    CONTEXT_FULL,
    /** {@link Session#cancel}, {@link Request#cancel} or {@link Scheduler#close} was called. */
    CANCELLED,
    /** A {@link Request} alone: it could not go on; {@link Request#failure} says why. */
    FAILED
}
