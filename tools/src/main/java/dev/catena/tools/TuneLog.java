package dev.catena.tools;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What tuning found out so far, a line each, written as it is found: whoever starts again goes on where it broke off, whatever ended
 * the process (lines aren't forced to the disk, which would take longer than measuring). The first line says what was tuned where. A line that was cut off by the end of a process is left out.
 */
final class TuneLog implements AutoCloseable {
  /** What was found of a candidate at a point: {@code begun}, {@code checked}, {@code round N}, {@code chosen}. */
  private final Map<String, String> found = new HashMap<>();
  private final FileChannel file;

  /**
   * Opens or makes the file.
   *
   * @param subject of what: one line, the same at every start
   * @throws UserError when the file is of something else
   */
  TuneLog(Path path, String subject) throws IOException {
    String header = "# " + subject;
    boolean there = Files.exists(path);
    file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    String text = there ? Files.readString(path, StandardCharsets.UTF_8) : "";
    int whole = text.lastIndexOf('\n') + 1;
    String[] lines = text.substring(0, whole).split("\n");
    if (whole > 0 && !lines[0].equals(header)) {
      file.close();
      throw new UserError(path + ": holds results of something else (" + lines[0].replaceFirst("^# *", "") + "); name another file with --results");
    }
    for (int i = 1; i < lines.length; i++) {
      String[] parts = lines[i].split(" = ", 2);
      if (parts.length == 2) {
        found.put(parts[0], parts[1]);
      }
    }
    long end = text.substring(0, whole).getBytes(StandardCharsets.UTF_8).length;
    file.truncate(end);
    file.position(end);
    if (whole == 0) {
      write(header);
    }
  }

  /** @param point such as {@code KERNEL CONFIGURATION round 0} */
  Optional<String> find(String point) {
    return Optional.ofNullable(found.get(point));
  }

  void put(String point, String value) throws IOException {
    found.put(point, value);
    write(point + " = " + value);
  }

  private void write(String line) throws IOException {
    ByteBuffer bytes = StandardCharsets.UTF_8.encode(line + "\n");
    while (bytes.hasRemaining()) {
      file.write(bytes);
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
