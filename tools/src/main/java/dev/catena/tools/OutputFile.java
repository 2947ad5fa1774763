package dev.catena.tools;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.ThreadLocalRandom;

/** A file that an option names: it appears whole or not at all, and replaces the one before. */
final class OutputFile {
  private final Path target;
  private final Path folder;

  /**
   * Checks, before any work is done for it, that the file can be written.
   *
   * @param option how messages call what named the file
   */
  OutputFile(Path target, String option) {
    this.target = target;
    this.folder = target.toAbsolutePath().getParent();
    if (Files.isDirectory(target)) {
      throw new UserError(option + " " + target + ": is a folder; name a file");
    }
    if (Files.exists(target) && !Files.isRegularFile(target)) {
      throw new UserError(option + " " + target + ": is not a regular file, and can't be replaced by one");
    }
    if (folder == null || !Files.isDirectory(folder)) {
      throw new UserError(option + " " + target + ": the folder " + folder + " does not exist");
    }
    if (!Files.isWritable(folder)) {
      throw new UserError(option + " " + target + ": can't write to " + folder + "; name another place");
    }
  }

  /** Writes to a hidden file beside the target, then renames it. Returns the bytes written. */
  long write(String text) throws IOException {
    return write(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Likewise, for what isn't text. */
  long write(byte[] bytes) throws IOException {
    Path temporary = folder.resolve("." + target.getFileName() + "."
        + Long.toHexString(ThreadLocalRandom.current().nextLong()) + ".part");
    Thread atShutdown = new Thread(() -> temporary.toFile().delete(), "catena-output-discard");
    Runtime.getRuntime().addShutdownHook(atShutdown);
    try {
      Files.write(temporary, bytes);
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      return bytes.length;
    } catch (FileSystemException e) {   // names the file itself
      throw e;
    } catch (IOException e) {
      throw new IOException(target + ": cannot be written: " + e.getMessage(), e);
    } finally {
      Files.deleteIfExists(temporary);
      Runtime.getRuntime().removeShutdownHook(atShutdown);
    }
  }
}
