package dev.catena.tools;

import dev.catena.runtime.Session;
import java.util.concurrent.atomic.AtomicBoolean;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * Ctrl-C while a model talks: the first ends what it says, so that the command can end as it always does; the second ends
 * the process. Until {@link #close}. A process that was started to ignore the signal (in the background of a script)
 * goes on ignoring it.
 */
final class Interrupt implements AutoCloseable {
  /** Exit status of a process that SIGINT ended. */
  static final int STATUS = 130;
  private static final Signal SIGINT = new Signal("INT");

  private final AtomicBoolean happened = new AtomicBoolean();
  private final SignalHandler before;

  private Interrupt(Session session) {
    before = Signal.handle(SIGINT, signal -> {
      if (happened.getAndSet(true)) {
        System.exit(STATUS);
      }
      session.cancel();
    });
  }

  static Interrupt cancels(Session session) {
    return new Interrupt(session);
  }

  boolean happened() {
    return happened.get();
  }

  @Override
  public void close() {
    Signal.handle(SIGINT, before);
  }
}
