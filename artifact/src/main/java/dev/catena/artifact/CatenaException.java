package dev.catena.artifact;

/**
 * Something the user can act on: bad input, a missing feature, a full disk. The message is one line that names what
 * failed and, where there is one, the way out; commands print it without a stack trace.
 */
public class CatenaException extends RuntimeException {
    public CatenaException(String message) {
        super(oneLine(message));
    }

    public CatenaException(String message, Throwable cause) {
        super(oneLine(message), cause);
    }

    /** Messages quote hostile input: line ends and control characters in it must not reach a terminal. */
    private static String oneLine(String message) {
        StringBuilder line = new StringBuilder(message.length());
        message.codePoints().forEach(c -> line.appendCodePoint(Character.isISOControl(c) ? ' ' : c));
        return line.toString();
    }
}
