package dev.catena.passes;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes {@code NN-pass.cir} into a folder after each pass. */
public final class PassDumps implements PassObserver {
  private final Path folder;

  public PassDumps(Path folder) {
    this.folder = folder;
  }

  @Override
  public void after(PassResult result) {
    try {
      Files.createDirectories(folder);
      Files.writeString(folder.resolve(result.label() + ".cir"), result.text());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
