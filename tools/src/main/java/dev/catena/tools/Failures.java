package dev.catena.tools;

import dev.catena.artifact.ArtifactException;
import dev.catena.artifact.CatenaException;
import dev.catena.codegen.ToolInterruptedException;
import dev.catena.frontend.onnx.OnnxException;
import dev.catena.ir.IrException;
import dev.catena.ir.text.CirException;
import dev.catena.passes.PassException;
import dev.catena.runtime.DeviceLostException;
import dev.catena.runtime.sampling.BadLogitsException;
import dev.catena.sim.machine.SimFault;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.List;

/** What an exception means to the user: one line on standard error and an exit status. */
final class Failures {
  private static final List<Class<? extends RuntimeException>> BAD_INPUT =
      List.of(UserError.class, OnnxException.class, PassException.class, IrException.class, CatenaException.class,
          IllegalArgumentException.class);

  private Failures() {}

  static void line(String message) {
    // Names come from files: what would end the line or speak to the terminal doesn't reach it.
    System.err.println("catena: " + message.strip().replaceAll("\\s*\\R\\s*", "; ").replaceAll("\\p{Cc}", "?"));
  }

  /** Prints the line (with {@code debug} the trace, too) and returns the exit status. */
  static int report(Throwable failure, boolean debug) {
    if (debug) {
      failure.printStackTrace();
    }
    if (isEnding()) {   // interrupted: what breaks off now is what was to
      return 1;
    }
    Throwable cause = failure instanceof UncheckedIOException u ? u.getCause() : failure;
    if (cause instanceof CirException e) {   // each error has its line and a caret below it
      e.errors().forEach(System.err::println);
      return 2;
    }
    if (cause instanceof ArtifactException && isSystemFailure(cause.getCause())
        || cause instanceof BadLogitsException || cause instanceof SimFault || cause instanceof DeviceLostException) {
      line(cause.getMessage());
      return 1;
    }
    if (cause instanceof ToolInterruptedException e) {
      line(e.getMessage());
      return e.status();
    }
    if (BAD_INPUT.stream().anyMatch(c -> c.isInstance(cause))) {
      line(cause.getMessage() == null ? cause.toString() : cause.getMessage());
      return 2;
    }
    if (cause instanceof NoSuchFileException e) {
      line(e.getFile() + ": there is no such file");
      return 2;
    }
    if (cause instanceof AccessDeniedException e) {
      line(e.getFile() + ": permission denied");
      return 2;
    }
    if (cause instanceof IOException) {
      line(cause.getMessage());
      return 1;
    }
    if (cause instanceof StackOverflowError) {
      line("the input is nested too deeply");
      return 2;
    }
    if (cause instanceof OutOfMemoryError) {
      line("out of memory: " + cause.getMessage() + "; set CATENA_OPTS=-Xmx… to a larger heap");
      return 1;
    }
    line("internal error: " + cause + " (--debug shows where; please report it)");
    return 1;
  }

  private static boolean isEnding() {
    Thread none = new Thread();
    try {
      Runtime.getRuntime().addShutdownHook(none);
      Runtime.getRuntime().removeShutdownHook(none);
      return false;
    } catch (IllegalStateException e) {
      return true;
    }
  }

  /** A full disk, a bad sector: nothing that another command line would mend. */
  private static boolean isSystemFailure(Throwable cause) {
    return cause instanceof IOException && !(cause instanceof NoSuchFileException)
        && !(cause instanceof AccessDeniedException);
  }
}
