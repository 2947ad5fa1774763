package dev.catena.frontend.onnx;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The one rule that turns a location written in a model into a file: a relative path that stays in the model's folder,
 * to a regular file that is reachable only from there. Models come from strangers; a location must not read (or, when
 * writing, replace) anything else on the machine.
 */
public final class ExternalLocation {
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
      if (part.isEmpty() || part.equals(".") && !location.startsWith("./")) {
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
        throw new OnnxException(what + ": external file '" + location + "' isn't a regular file");
      }
      requireNoForeignHardLink(real.getParent(), real, location, what);
      return real;
    } catch (IOException e) {
      throw new OnnxException(what + ": external file '" + location + "' can't be examined: " + e.getMessage(), e);
    }
  }

  /** A second name of the file must lie in the same folder: an archive could have planted a link to any file. */
  private static void requireNoForeignHardLink(Path folder, Path real, String location, String what) throws IOException {
    Map<String, Object> a = Files.readAttributes(real, "unix:nlink,ino,dev", LinkOption.NOFOLLOW_LINKS);
    int links = ((Number) a.get("nlink")).intValue();
    if (links == 1) {
      return;
    }
    Object key = Files.readAttributes(real, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS).fileKey();
    long here;
    try (Stream<Path> files = Files.list(folder)) {
      here = files.limit(100_000).filter(p -> isSameFile(p, key)).count();
    }
    if (here < links) {
      throw new OnnxException(what + ": external file '" + location
          + "' has another name outside the model's folder (a hard link); copy the file there");
    }
  }

  private static boolean isSameFile(Path p, Object key) {
    try {
      return key.equals(Files.readAttributes(p, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS).fileKey());
    } catch (IOException e) {
      return false;
    }
  }
}
