package dev.catena.tools;

import dev.catena.artifact.CacheFolder;
import dev.catena.codegen.CodeStore;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Compiled code in a folder of the user's own. */
final class CachedFiles implements CodeStore.Files {
  private static final int MOST_FILES = 256;
  /** The store's names, and what {@link CacheFolder#write} calls a file that a killed process left unfinished. */
  private static final Pattern NAME = Pattern.compile("[0-9a-f]{64}|\\.[0-9a-f]{64}\\.[0-9a-f]+");

  private final CacheFolder folder;
  private final int mostFiles;

  private CachedFiles(CacheFolder folder, int mostFiles) {
    this.folder = folder;
    this.mostFiles = mostFiles;
  }

  /** In a folder for one piece of work, until {@link #remove}. */
  static CachedFiles of(Path folder) throws IOException {
    return new CachedFiles(CacheFolder.open(folder), Integer.MAX_VALUE);
  }

  /** In a subfolder of the user's cache, where the files that were used longest ago make room for new ones; if there can be none, nothing is kept. */
  static CodeStore store(String subfolder) {
    try {
      return new CodeStore(new CachedFiles(CacheFolder.open().folder(subfolder), MOST_FILES));
    } catch (IOException e) {
      return CodeStore.none();
    }
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
    if (mostFiles < Integer.MAX_VALUE) {
      removeOldest();
    }
  }

  /** Removes what was kept, and the folder, if nothing else is in it. */
  void remove() throws IOException {
    try (Stream<Path> listed = Files.list(folder.path())) {
      for (Path file : listed.filter(each -> NAME.matcher(each.getFileName().toString()).matches()).toList()) {
        Files.deleteIfExists(file);
      }
    }
    try {
      Files.deleteIfExists(folder.path());
    } catch (DirectoryNotEmptyException e) {
      // What somebody else put there is theirs.
    }
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
    for (Used old : files.subList(0, Math.max(0, files.size() - mostFiles))) {
      Files.deleteIfExists(old.file());
    }
  }
}
