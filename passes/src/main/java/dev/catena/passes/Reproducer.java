package dev.catena.passes;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

/** Leaves what shows a failure again: the module before the failing pass, and the command line that runs that pass. */
public final class Reproducer implements PassObserver {
  private final Path folder;
  private final String moreOptions;
  private final Consumer<String> out;
  private PassResult last;
  private String text;

  /**
   * @param moreOptions options that the command line needs besides, or an empty text
   * @param out         told where the files are
   */
  public Reproducer(Path folder, String moreOptions, Consumer<String> out) {
    this.folder = folder;
    this.moreOptions = moreOptions;
    this.out = out;
  }

  @Override
  public void after(PassResult result) {
    last = result;
    text = result.text(); // the next pass changes the module in place
  }

  @Override
  public void failed(Pipeline.Step step, RuntimeException failure) {
    Path file = folder.resolve("before-" + step.pass().name() + ".cir");
    String command = "catena opt " + quoted(file.toString()) + " --pipeline " + quoted(step.toString())
        + " --verify-each" + (moreOptions.isEmpty() ? "" : " " + moreOptions);
    try {
      Files.createDirectories(folder);
      Files.writeString(file, text);
      Files.writeString(folder.resolve("command.txt"),
          "# after step " + last.label() + ", pass " + step.pass().name() + " failed:\n# "
              + String.valueOf(failure.getMessage()).replace("\n", "\n# ") + "\n" + command + "\n");
      out.accept("to see it again: " + command);
    } catch (IOException e) {
      out.accept("the reproducer can't be written to " + folder + ": " + e.getMessage()); // the failure itself goes on
    }
  }

  private static String quoted(String word) {
    return "'" + word.replace("'", "'\\''") + "'";
  }
}
