package dev.catena.runtime;

import java.nio.FloatBuffer;

/** Takes the logits of every position that is fed, in order. */
@FunctionalInterface
public interface LogitsSink {
    /**
     * @param position of the fed token
     * @param logits   read-only [vocabulary]; valid during the call only
     */
    void accept(int position, FloatBuffer logits);
}
