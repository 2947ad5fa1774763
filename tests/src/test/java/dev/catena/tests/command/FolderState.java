package dev.catena.tests.command;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The files below a folder with their sizes, hidden ones too: to see what a command leaves behind. */
public record FolderState(Map<String, Long> files) {
  public static FolderState of(Path folder) {
    Map<String, Long> found = new TreeMap<>();
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path p : (Iterable<Path>) all::iterator) {
        found.put(folder.relativize(p).toString(), Files.isRegularFile(p) ? Files.size(p) : -1);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new FolderState(found);
  }
}
