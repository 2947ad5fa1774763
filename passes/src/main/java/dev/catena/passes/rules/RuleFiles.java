package dev.catena.passes.rules;

import dev.catena.passes.PackageFolder;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The rule files that come with the compiler: all {@code .rules} files beside this class. A file says itself which pass
 * applies it and behind which others, so that a new one is all that a new rule takes.
 */
public final class RuleFiles {
  private static final String ENDING = ".rules";

  private static List<RuleFile> files;

  private RuleFiles() {}

  /** All files; they are read when somebody asks first. */
  static synchronized List<RuleFile> files() {
    if (files == null) {
      files = PackageFolder.files(RuleFiles.class).stream().filter(f -> f.endsWith(ENDING)).map(RuleFiles::read).toList();
    }
    return files;
  }

  /** The rules of one phase, file by file: each file's rules build on the results of those before. */
  public static List<List<Rule>> phase(String phase) {
    return inOrder(files().stream().filter(f -> f.phase().equals(phase)).toList()).stream().map(RuleFile::rules)
        .toList();
  }

  /** All rules of all files. */
  public static List<Rule> all() {
    return files().stream().flatMap(f -> f.rules().stream()).toList();
  }

  /** The rule of this name, or null. */
  public static Rule find(String rule) {
    return all().stream().filter(r -> r.name().equals(rule)).findFirst().orElse(null);
  }

  /** The pass that applies the rule. */
  static String phaseOf(Rule rule) {
    return files().stream().filter(f -> f.rules().contains(rule)).findFirst().orElseThrow().phase();
  }

  /** Each file behind those it names; otherwise by name. */
  static List<RuleFile> inOrder(List<RuleFile> files) {
    Map<String, RuleFile> open = new LinkedHashMap<>();
    files.forEach(f -> open.put(f.name(), f));
    for (RuleFile f : files) {
      for (String before : f.after()) {
        if (!open.containsKey(before)) {
          throw new RuleException(List.of(f.name() + ENDING + ": phase " + f.phase() + " after " + before
              + ": there is no such file in this phase"));
        }
      }
    }
    List<RuleFile> ordered = new ArrayList<>();
    while (!open.isEmpty()) {
      RuleFile next = open.values().stream().filter(f -> f.after().stream().noneMatch(open::containsKey)).findFirst()
          .orElseThrow(() -> new RuleException(List.of("rule files wait for each other: " + open.keySet())));
      ordered.add(open.remove(next.name()));
    }
    return ordered;
  }

  private static RuleFile read(String file) {
    try (InputStream in = RuleFiles.class.getResourceAsStream(file)) {
      return RuleReader.file(new String(in.readAllBytes(), StandardCharsets.UTF_8), file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
