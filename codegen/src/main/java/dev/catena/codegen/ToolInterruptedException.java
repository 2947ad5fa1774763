package dev.catena.codegen;

import java.io.IOException;
import java.util.Map;

/**
 * A compiler's process was ended by a signal that asks it to end: a shell sends Ctrl-C to all processes of a command at once, and the
 * compiler may be gone before this process has heard of it. Nothing is wrong with what it was given.
 */
public final class ToolInterruptedException extends IOException {
    private static final long serialVersionUID = 1;
    /** What Java and shells add to a signal's number. */
    private static final int SIGNALLED = 128;
    private static final Map<Integer, String> SIGNALS = Map.of(1, "SIGHUP", 2, "SIGINT", 15, "SIGTERM");

    private final int status;

    private ToolInterruptedException(String tool, int status) {
        super(tool + " was ended by " + SIGNALS.get(status - SIGNALLED));
        this.status = status;
    }

    /**
     * @param tool   what the message calls it
     * @param status its exit status
     * @throws ToolInterruptedException if that says that it was asked to end
     */
    public static void check(String tool, int status) throws ToolInterruptedException {
        if (SIGNALS.containsKey(status - SIGNALLED)) {
            throw new ToolInterruptedException(tool, status);
        }
    }

    /** The exit status of a command that the same signal ends, such as 130. */
    public int status() {
        return status;
    }
}
