package dev.catena.tests.borders;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What Maven resolved: {@code mvn dependency:tree -Dverbose}, which the build writes before the tests run. */
final class DependencyTree {
  private static final Path FILE = Path.of("target", "dependency-tree.txt");
  private static final Pattern LINE = Pattern.compile("(?<depth>(?:[| ] {2}|[+\\\\]- )*)\\(?(?<group>[^:( ]+):(?<artifact>[^: ]+):.*");

  /** What each artifact asks for by itself, by {@code group:artifact}. */
  private final Map<String, Set<String>> direct = new LinkedHashMap<>();

  private DependencyTree() {}

  static DependencyTree read() {
    DependencyTree tree = new DependencyTree();
    List<String> path = new ArrayList<>();
    try {
      for (String line : Files.readAllLines(FILE)) {
        Matcher m = LINE.matcher(line);
        if (!m.matches()) {
          throw new IllegalStateException(FILE + ": what is this line? " + line);
        }
        String name = m.group("group") + ":" + m.group("artifact");
        int depth = m.group("depth").length() / 3;
        path.subList(depth, path.size()).clear();
        path.add(name);
        tree.direct.computeIfAbsent(name, n -> new LinkedHashSet<>());
        if (depth > 0) {
          tree.direct.get(path.get(depth - 1)).add(name);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return tree;
  }

  Set<String> direct(String artifact) {
    if (!direct.containsKey(artifact)) {
      throw new IllegalArgumentException(artifact + " is not in the tree of " + direct.keySet());
    }
    return direct.get(artifact);
  }

  /** Everything that comes onto the classpath with {@code artifact}; an artifact's dependencies may be listed elsewhere. */
  Set<String> all(String artifact) {
    Set<String> found = new LinkedHashSet<>();
    Deque<String> open = new ArrayDeque<>(direct(artifact));
    while (!open.isEmpty()) {
      String next = open.pop();
      if (found.add(next)) {
        open.addAll(direct(next));
      }
    }
    return found;
  }
}
