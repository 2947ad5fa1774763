package dev.catena.tools;

import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.TreeSet;

/**
 * The sizes of a Llama-like model, read from a {@code NAME.shape} file of lines such as {@code layers = 32}: enough to generate a
 * model's code and to measure it, without any weights.
 */
record ModelShape(String name, int layers, int hidden, int ffn, int heads, int kvHeads, int vocabulary, int positions, int ropeTheta) {
  static final String EXTENSION = ".shape";
  private static final long MOST_FILE_BYTES = 1 << 16;
  private static final List<String> KEYS = List.of("layers", "hidden", "ffn", "heads", "kv_heads", "vocabulary", "positions", "rope_theta");

  ModelShape {
    require(name, hidden % heads == 0 && hidden / heads % 2 == 0, "heads", "hidden is no even multiple of it");
    require(name, heads % kvHeads == 0, "kv_heads", "heads is no multiple of it");
  }

  static boolean isOne(Path file) {
    return file.toString().endsWith(EXTENSION);
  }

  /** @throws UserError in one line that names file and key */
  static ModelShape read(Path file) {
    Properties lines = new Properties();
    try {
      if (Files.size(file) > MOST_FILE_BYTES) {
        throw new UserError(file + ": is too large for a shape, which is " + KEYS.size() + " lines such as 'layers = 32'");
      }
      try (Reader reader = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1)) {
        lines.load(reader);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (IllegalArgumentException e) {
      throw new UserError(file + ": " + e.getMessage());
    }
    for (String key : new TreeSet<>(lines.stringPropertyNames())) {
      if (!KEYS.contains(key)) {
        throw new UserError(file + ": '" + key + "' is no size; there are " + String.join(", ", KEYS));
      }
    }
    String base = file.getFileName().toString();
    String name = base.substring(0, base.length() - EXTENSION.length());
    return new ModelShape(name.isEmpty() ? "shape" : name, size(file, lines, "layers", 1 << 10), size(file, lines, "hidden", 1 << 16), size(file, lines, "ffn", 1 << 18),
        size(file, lines, "heads", 1 << 10), size(file, lines, "kv_heads", 1 << 10), size(file, lines, "vocabulary", 1 << 20),
        size(file, lines, "positions", 1 << 20), size(file, lines, "rope_theta", Integer.MAX_VALUE));
  }

  private static int size(Path file, Properties lines, String key, int most) {
    String text = lines.getProperty(key);
    if (text == null) {
      throw new UserError(file + ": " + key + " is missing; write a line such as '" + key + " = 32'");
    }
    long value = text.strip().matches("[0-9]{1,10}") ? Long.parseLong(text.strip()) : 0;
    if (value < 1 || value > most) {
      throw new UserError(file + ": " + key + " = " + text.strip() + ": must be from 1 to " + most);
    }
    return (int) value;
  }

  private static void require(String name, boolean holds, String key, String otherwise) {
    if (!holds) {
      throw new UserError(name + EXTENSION + ": " + key + ": " + otherwise);
    }
  }

  ModelShape withLayers(int count) {
    return new ModelShape(name, count, hidden, ffn, heads, kvHeads, vocabulary, positions, ropeTheta);
  }

  /** Elements of a head. */
  int headDim() {
    return hidden / heads;
  }
}
