package dev.catena.frontend.onnx;

import dev.catena.ir.MappedFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The one rule that turns a location written in a model into a file: a relative path that stays in the model's folder,
 * to a regular file that is reachable only from there. Models come from strangers; a location must not read (or, when
 * writing, replace) anything else on the machine.
 */
public final class ExternalLocation {
  private static final Path OPEN_FILES = Path.of("/proc/self/fd");
  private static final long MOST_FILES = 100_000;
  private static final int KIND = 0170000;
  private static final int REGULAR = 0100000;

  private ExternalLocation() {}

  /**
   * The path that {@code location} names, without looking at the disk.
   *
   * @param what the file and tensor, for the message
   * @throws OnnxException where the location is absolute, climbs, or isn't written plainly
   */
  public static Path in(Path folder, String location, String what) {
    if (location.isEmpty()) {
      throw new OnnxException(what + ": external data without a location");
    }
    if (location.indexOf('\\') >= 0 || location.indexOf('\0') >= 0) {
      throw new OnnxException(what + ": external location '" + location + "' holds a character that no path may hold");
    }
    if (location.startsWith("/")) {
      throw new OnnxException(what + ": external location '" + location + "' is absolute, it must lie in the model's folder");
    }
    Path path = folder;
    for (String part : location.split("/", -1)) {
      if (part.equals("..")) {
        throw new OnnxException(what + ": external location '" + location + "' leads out of the model's folder");
      }
      if (part.isEmpty() || part.equals(".") && (path != folder || location.equals("."))) {
        throw new OnnxException(what + ": external location '" + location + "' isn't a plain relative path");
      }
      try {
        path = path.resolve(part);
      } catch (java.nio.file.InvalidPathException e) {
        throw new OnnxException(what + ": external location '" + location + "' isn't a path", e);
      }
    }
    return path;
  }

  /**
   * The real path of the existing file that {@code location} names, beside {@code model}. Where the model file itself is
   * a link, as in Hugging Face's cache, its data may lie beside what it links to.
   *
   * @throws OnnxException where there is none, where it is no regular file, or where a link leads out of the folder
   */
  public static Path existing(Path model, String location, String what) {
    Path folder = model.toAbsolutePath().getParent();
    Path path = in(folder, location, what);
    try {
      if (!Files.exists(path)) {
        throw new OnnxException(what + ": external file '" + location + "' isn't there; it belongs beside the model");
      }
      Path real = path.toRealPath();
      Path linked = model.toRealPath().getParent();
      if (!real.startsWith(folder.toRealPath()) && !real.getParent().equals(linked)) {
        throw new OnnxException(what + ": external location '" + location
            + "' is a link out of the model's folder; copy the file there");
      }
      // A FIFO would block the open and a device could do anything: neither is opened.
      if (!Files.isRegularFile(real, LinkOption.NOFOLLOW_LINKS)) {
        throw notRegular(location, what);
      }
      return real;
    } catch (IOException e) {
      throw new OnnxException(what + ": external file '" + location + "' can't be examined: " + e.getMessage(), e);
    }
  }

  /**
   * Opens what {@link #existing} found. What was opened is examined once more, by its descriptor: between the look and the
   * opening, somebody could have put a link or another file in its place.
   *
   * @throws OnnxException where another file was opened, or one that has a name outside the folder, too
   */
  public static MappedFile open(Path real, String location, String what) {
    try {
      FileChannel channel = FileChannel.open(real, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
      try {
        requireOpened(real, location, what);
        return new MappedFile(real, location, channel);
      } catch (RuntimeException | IOException e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw new OnnxException(what + ": external file '" + location + "' can't be opened: " + e.getMessage(), e);
    }
  }

  private static void requireOpened(Path real, String location, String what) throws IOException {
    try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(OPEN_FILES)) {
      for (Path d : descriptors) {
        if (real.equals(target(d))) {
          // Through the descriptor, not by the name: these are the opened file's.
          Map<String, Object> file = Files.readAttributes(d, "unix:mode,nlink,ino,dev");
          if (((Integer) file.get("mode") & KIND) != REGULAR) {
            throw notRegular(location, what);
          }
          requireNoForeignName(real.getParent(), file, location, what);
          return;
        }
      }
    }
    throw new OnnxException(what + ": external file '" + location + "' was replaced while it was opened");
  }

  private static Path target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor);
    } catch (IOException e) {
      return null; // closed since, by another thread
    }
  }

  /** A second name of the file must lie in the same folder: an archive could have planted a link to any file. */
  private static void requireNoForeignName(Path folder, Map<String, Object> file, String location, String what)
      throws IOException {
    int links = (Integer) file.get("nlink");
    if (links == 1) {
      return;
    }
    long here;
    try (Stream<Path> files = Files.list(folder)) {
      here = files.limit(MOST_FILES).filter(p -> isSameFile(p, file)).count();
    }
    if (here < links) {
      throw new OnnxException(what + ": external file '" + location
          + "' has another name outside the model's folder (a hard link); copy the file there");
    }
  }

  private static boolean isSameFile(Path p, Map<String, Object> file) {
    try {
      Map<String, Object> other = Files.readAttributes(p, "unix:ino,dev", LinkOption.NOFOLLOW_LINKS);
      return other.get("ino").equals(file.get("ino")) && other.get("dev").equals(file.get("dev"));
    } catch (IOException e) {
      return false;
    }
  }

  private static OnnxException notRegular(String location, String what) {
    return new OnnxException(what + ": external file '" + location + "' isn't a regular file");
  }
}
