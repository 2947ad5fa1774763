package dev.catena.runtime.text;

import dev.catena.artifact.CatenaException;

/** A text that a tokenizer would take minutes for. */
public final class UnencodableTextException extends CatenaException {
    UnencodableTextException(String message) {
        super(message);
    }
}
