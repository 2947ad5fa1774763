package dev.catena.runtime;

import dev.catena.artifact.CatenaException;

/** More tokens than the session's context or KV cache has room for; nothing of them was fed. */
public class ContextFullException extends CatenaException {
    public ContextFullException(String message) {
        super(message);
    }
}
