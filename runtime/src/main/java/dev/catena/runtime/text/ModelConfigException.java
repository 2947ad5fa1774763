package dev.catena.runtime.text;

import dev.catena.artifact.CatenaException;

/** A model's configuration file that can't be used. The message is one line and names the file. */
public final class ModelConfigException extends CatenaException {
    ModelConfigException(String message) {
        super(message);
    }

    ModelConfigException(String message, Throwable cause) {
        super(message, cause);
    }
}
