package dev.catena.tests.command;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The {@code catena} command in a process of its own, as {@code ./catena} starts it: for exit status, streams, signals. */
public final class CatenaProcess {
  private final Path directory;
  private final List<String> prefix;
  private final List<String> jvmOptions;

  private CatenaProcess(Path directory, List<String> prefix, List<String> jvmOptions) {
    this.directory = directory;
    this.prefix = prefix;
    this.jvmOptions = jvmOptions;
  }

  /** @param directory the working directory */
  public static CatenaProcess in(Path directory) {
    return new CatenaProcess(directory, List.of(), List.of());
  }

  /** Started by another program: {@code prefix… java …}. */
  public CatenaProcess under(String... command) {
    return new CatenaProcess(directory, List.of(command), jvmOptions);
  }

  /** With options of the Java virtual machine. */
  public CatenaProcess with(String... options) {
    return new CatenaProcess(directory, prefix, List.of(options));
  }

  /** Runs it to its end. */
  public CommandResult run(Object... arguments) {
    return start(arguments).await();
  }

  public RunningCommand start(Object... arguments) {
    List<String> line = new ArrayList<>(prefix);
    line.addAll(List.of(ProcessHandle.current().info().command().orElse("java"), "-XX:+UseSerialGC", "-Xshare:auto",
        "-XX:TieredStopAtLevel=1"));
    line.addAll(jvmOptions);
    line.addAll(List.of("-cp", System.getProperty("java.class.path"), "dev.catena.tools.Catena"));
    for (Object a : arguments) {
      line.add(a.toString());
    }
    try {
      Path out = Files.createTempFile("catena-out", ".txt");
      Path err = Files.createTempFile("catena-err", ".txt");
      Process process = new ProcessBuilder(line).directory(directory.toFile()).redirectOutput(out.toFile())
          .redirectError(err.toFile()).start();
      return new RunningCommand(process, out, err);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
