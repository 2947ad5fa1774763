package dev.catena.runtime;

import dev.catena.artifact.CatenaException;

/** A {@link Scheduler} has as many requests waiting as it may have. */
public final class QueueFullException extends CatenaException {
    public QueueFullException(String message) {
        super(message);
    }
}
