package dev.catena.tools;

import dev.catena.artifact.CacheFolder;
import dev.catena.codegen.cuda.CodeStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Compiled code in a folder of the user's cache. The files that were used longest ago make room for new ones. */
final class CachedFiles implements CodeStore.Files {
  private static final int MOST_FILES = 256;

  private final CacheFolder folder;

  CachedFiles(CacheFolder folder) {
    this.folder = folder;
  }

  @Override
  public Optional<byte[]> read(String name) throws IOException {
    Path file = folder.path().resolve(name);
    try {
      if (!CacheFolder.isPrivate(file)) {
        return Optional.empty();
      }
      byte[] bytes = Files.readAllBytes(file);
      Files.setLastModifiedTime(file, FileTime.from(Instant.now()));
      return Optional.of(bytes);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  @Override
  public void write(String name, byte[] bytes) throws IOException {
    folder.write(name, bytes);
    removeOldest();
  }

  /** Another process may remove the same files. */
  private void removeOldest() throws IOException {
    record Used(Path file, FileTime at) {}
    List<Used> files = new ArrayList<>();
    try (Stream<Path> listed = Files.list(folder.path())) {
      for (Path file : listed.toList()) {
        try {
          files.add(new Used(file, Files.getLastModifiedTime(file)));
        } catch (NoSuchFileException e) {
          continue;
        }
      }
    }
    files.sort(Comparator.comparing(Used::at));
    for (Used old : files.subList(0, Math.max(0, files.size() - MOST_FILES))) {
      Files.deleteIfExists(old.file());
    }
  }
}
