package dev.catena.passes;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** What lies in a package's folder, in a folder of classes as in a jar: passes and rule files are found, not registered. */
public final class PackageFolder {
  private PackageFolder() {}

  /** The names of the files beside {@code anchor}'s class, sorted. */
  public static List<String> files(Class<?> anchor) {
    try {
      Path code = Path.of(anchor.getProtectionDomain().getCodeSource().getLocation().toURI());
      if (Files.isDirectory(code)) {
        return files(code, anchor);
      }
      try (FileSystem jar = FileSystems.newFileSystem(code)) {
        return files(jar.getPath("/"), anchor);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("package " + anchor.getPackageName() + " can't be listed", e);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<String> files(Path root, Class<?> anchor) throws IOException {
    try (Stream<Path> files = Files.list(root.resolve(anchor.getPackageName().replace('.', '/')))) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    }
  }
}
