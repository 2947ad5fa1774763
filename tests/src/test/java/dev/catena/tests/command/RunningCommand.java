package dev.catena.tests.command;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A command under way. */
public final class RunningCommand {
  private static final int PATIENCE_SECONDS = 120;

  private final Process process;
  private final Path out;
  private final Path err;

  RunningCommand(Process process, Path out, Path err) {
    this.process = process;
    this.out = out;
    this.err = err;
  }

  /** Waits until standard error holds {@code text}. Returns false where the command ended before. */
  public boolean awaitOnStandardError(String text) {
    try {
      while (!Files.readString(err).contains(text)) {
        if (process.waitFor(5, TimeUnit.MILLISECONDS)) {
          return Files.readString(err).contains(text);
        }
      }
      return true;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /**
   * Waits until a program runs that the command started. Returns its process id, or −1 where the command ended before.
   *
   * @param argument what is in its command line: before it runs, its process has those of this command and of Java's helper
   */
  public long awaitStartedProgram(String argument) {
    while (process.isAlive()) {
      OptionalLong started = process.children().mapToLong(ProcessHandle::pid).filter(id -> commandLine(id).contains(argument)).findAny();
      if (started.isPresent()) {
        return started.getAsLong();
      }
    }
    return -1;
  }

  private static String commandLine(long id) {
    try {
      return Files.readString(Path.of("/proc/" + id + "/cmdline"));
    } catch (IOException e) {
      return "";   // it has ended
    }
  }

  /** Sends a signal such as {@code INT}. */
  public void signal(String name) {
    signal(name, process.pid());
  }

  /** Sends it to the command and all that it started, as a terminal does: the command was started under {@code setsid}. */
  public void signalGroup(String name) {
    signal(name, -process.pid());
  }

  /** @param target a process's id, or that of a group's first, negative */
  public static void signal(String name, long target) {
    try {
      new ProcessBuilder("kill", "-" + name, "--", Long.toString(target)).inheritIO().start().waitFor();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Waits for the end; gives the most memory that the command, or a program it started, had resident at once, in bytes. */
  long awaitPeakMemory() {
    long most = 0;
    while (process.isAlive()) {
      most = Math.max(most, Stream.concat(Stream.of(process.toHandle()), process.descendants())
          .mapToLong(RunningCommand::peakMemory).max().orElse(0));
      try {
        Thread.sleep(10);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
    }
    return most;
  }

  /** Linux keeps it as long as a process lives; 0 once it has ended. */
  private static long peakMemory(ProcessHandle process) {
    try (Stream<String> lines = Files.lines(Path.of("/proc/" + process.pid() + "/status"))) {
      return lines.filter(line -> line.startsWith("VmHWM:")).mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
          .max().orElse(0);
    } catch (IOException | UncheckedIOException e) {
      return 0;
    }
  }

  /** Waits for the end. */
  public CommandResult await() {
    try {
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
        throw new AssertionError("still running after " + PATIENCE_SECONDS + " s; standard error:\n" + Files.readString(err));
      }
      return new CommandResult(process.exitValue(), Files.readString(out), Files.readString(err));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    } finally {
      delete(out);
      delete(err);
    }
  }

  private static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
