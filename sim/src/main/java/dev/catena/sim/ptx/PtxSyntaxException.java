package dev.catena.sim.ptx;

import dev.catena.artifact.CatenaException;

/** PTX text that can't be read; the message starts with the line. */
public final class PtxSyntaxException extends CatenaException {
    public PtxSyntaxException(int line, String message) {
        super("PTX line " + line + ": " + message);
    }
}
