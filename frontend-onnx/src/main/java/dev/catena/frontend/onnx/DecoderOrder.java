package dev.catena.frontend.onnx;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The order of decoder pieces: by the number in the file's name, as a number. */
final class DecoderOrder {
  private static final Pattern NUMBER = Pattern.compile("[0-9]+");
  private static final Pattern LAYERS = Pattern.compile("\"num_hidden_layers\"\\s*:\\s*([0-9]{1,6})");

  private DecoderOrder() {}

  /** @param folder where {@code config.json} may tell how many there must be (there or one folder up) */
  static List<OnnxGraph> sorted(List<OnnxGraph> decoders, Path folder) {
    TreeMap<Long, OnnxGraph> byNumber = new TreeMap<>();
    int position = varyingPosition(decoders);
    for (OnnxGraph g : decoders) {
      long number = number(g.fileName(), decoders.size() == 1, position);
      OnnxGraph other = byNumber.put(number, g);
      if (other != null) {
        throw new OnnxException("two pieces are decoder " + number + ": " + other.fileName() + " and " + g.fileName()
            + "; move one of them out of the folder");
      }
    }
    int layers = configuredLayers(folder);
    requireNoGap(byNumber, layers);
    if (layers >= 0 && layers != byNumber.size()) {
      throw new OnnxException(folder.getFileName() + ": " + byNumber.size() + " decoder pieces, config.json says "
          + layers + " layers" + (layers > byNumber.size() ? "; the pieces after "
          + byNumber.lastEntry().getValue().fileName() + " are missing" : ""));
    }
    return List.copyOf(byNumber.values());
  }

  private static void requireNoGap(TreeMap<Long, OnnxGraph> byNumber, int layers) {
    long first = byNumber.firstKey();
    // Counting from 1 is believed only if config.json confirms it: a lost first layer would go unnoticed otherwise.
    boolean fromOne = first == 1 && layers == byNumber.size();
    long expected = fromOne ? 1 : byNumber.size() == 1 && byNumber.firstKey() == -1 ? -1 : 0;
    for (long number : byNumber.keySet()) {
      if (number != expected) {
        throw new OnnxException("decoder " + expected + " is missing: the next piece is "
            + byNumber.get(number).fileName() + " (pieces are counted from 0"
            + (expected == 0 && first == 1 ? "; if these are counted from 1, say num_hidden_layers in config.json" : "") + ")");
      }
      expected++;
    }
  }

  private static List<String> numbers(String name) {
    List<String> found = new ArrayList<>();
    Matcher m = NUMBER.matcher(name.replaceAll("(?i)\\.onnx$", ""));
    while (m.find()) {
      found.add(m.group());
    }
    return found;
  }

  /** Names such as {@code llama2-decoder-7-fp16} hold several numbers: the last that varies counts. -1: simply the last. */
  private static int varyingPosition(List<OnnxGraph> decoders) {
    List<List<String>> all = decoders.stream().map(g -> numbers(g.fileName())).toList();
    long patterns = decoders.stream().map(g -> NUMBER.matcher(g.fileName()).replaceAll("0")).distinct().count();
    if (patterns != 1) {
      return -1;
    }
    for (int i = all.get(0).size() - 1; i >= 0; i--) {
      int at = i;
      if (all.stream().map(n -> n.get(at)).distinct().count() > 1) {
        return i;
      }
    }
    return -1;
  }

  /** The number of a piece; a single decoder needs none and then has -1. */
  private static long number(String name, boolean single, int position) {
    List<String> found = numbers(name);
    if (found.isEmpty()) {
      if (single) {
        return -1;
      }
      throw new OnnxException(name + ": a decoder piece needs its number in the file name, such as decoder-0.onnx");
    }
    String digits = found.get(position < 0 ? found.size() - 1 : position);
    if (digits.length() > 9) {
      throw new OnnxException(name + ": the number of a decoder piece is too large");
    }
    return Long.parseLong(digits);
  }

  private static int configuredLayers(Path folder) {
    for (Path dir : new Path[] {folder, folder.getParent()}) {
      Path config = dir == null ? null : dir.resolve("config.json");
      try {
        if (config != null && Files.isRegularFile(config) && Files.size(config) < 1 << 20) {
          Matcher m = LAYERS.matcher(Files.readString(config, StandardCharsets.UTF_8));
          return m.find() ? Integer.parseInt(m.group(1)) : -1;
        }
      } catch (IOException e) {
        return -1; // a config that can't be read is no reason to refuse a model that is whole
      }
    }
    return -1;
  }
}
