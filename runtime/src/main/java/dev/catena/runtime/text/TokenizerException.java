package dev.catena.runtime.text;

import dev.catena.artifact.CatenaException;

/** A tokenizer that can't be read or loaded. The message is one line and names the file. */
public final class TokenizerException extends CatenaException {
    TokenizerException(String message) {
        super(message);
    }

    TokenizerException(String message, Throwable cause) {
        super(message, cause);
    }
}
