package dev.catena.runtime;

/** What a {@link Scheduler} can't go on after: its device was lost, or it failed itself. The message is one line that says what happened. */
public final class SchedulerFailedException extends IllegalStateException {
    SchedulerFailedException(Throwable cause) {
        super("the scheduler has failed: " + line(cause), cause);
    }

    private static String line(Throwable cause) {
        String said = String.valueOf(cause instanceof DeviceException ? cause.getMessage() : cause);
        return said.lines().findFirst().orElse("");
    }
}
