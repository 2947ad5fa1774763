package dev.catena.passes.rules;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/** The rule files that come with the compiler; each is read once, when it is first asked for. */
public final class RuleFiles {
  /** The file of {@code clean}: links that change nothing. */
  public static final String CLEANING = "clean";

  /**
   * The files of {@code raise}, in order; a group may build on the results of those before it. Residual additions come
   * last because an addition is part of several larger patterns.
   */
  public static final List<String> RAISING = List.of("norm", "linear", "activation", "rope", "attention", "residual");

  private static final ConcurrentHashMap<String, List<Rule>> READ = new ConcurrentHashMap<>();

  private RuleFiles() {}

  /** The rules of one file, in its order. */
  public static List<Rule> rules(String name) {
    return READ.computeIfAbsent(name, RuleFiles::read);
  }

  /** All rules of all files. */
  public static List<Rule> all() {
    return Stream.concat(Stream.of(CLEANING), RAISING.stream()).flatMap(file -> rules(file).stream()).toList();
  }

  /** The rule of this name, or null. */
  public static Rule find(String rule) {
    return all().stream().filter(r -> r.name().equals(rule)).findFirst().orElse(null);
  }

  private static List<Rule> read(String name) {
    String file = name + ".rules";
    try (InputStream in = RuleFiles.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalArgumentException("there is no rule file " + file);
      }
      return RuleReader.parse(new String(in.readAllBytes(), StandardCharsets.UTF_8), file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
