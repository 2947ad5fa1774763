package dev.catena.runtime;

import dev.catena.artifact.CatenaException;

/** Tensors that a model can't take, or that it found wanting while it ran: a shape, an index, a divisor. */
public class TensorException extends CatenaException {
    public TensorException(String message) {
        super(message);
    }
}
