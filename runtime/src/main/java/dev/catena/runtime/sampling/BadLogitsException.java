package dev.catena.runtime.sampling;

/** The model computed logits that no token can be chosen from: NaN, +infinity, or −infinity for every token. */
public final class BadLogitsException extends RuntimeException {
    BadLogitsException(String message) {
        super(message);
    }
}
