package dev.catena.runtime;

import dev.catena.artifact.CatenaException;

/** This operating system, processor or C library is none that Catena runs on, or this CPU lacks what the code needs. */
public class UnsupportedPlatformException extends CatenaException {
    public UnsupportedPlatformException(String message) {
        super(message);
    }

    public UnsupportedPlatformException(String message, Throwable cause) {
        super(message, cause);
    }
}
