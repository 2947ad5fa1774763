package dev.catena.tools;

import java.util.Comparator;
import java.util.Map;
import java.util.TreeMap;

/** How often each operation occurs, for people: the most frequent first. */
final class OperationCounts {
  private OperationCounts() {}

  /** @param title heads the column of names */
  static String text(String title, Map<String, Integer> operations) {
    TextTable table = new TextTable(title, "count");
    new TreeMap<>(operations).entrySet().stream()
        .sorted(Comparator.comparing((Map.Entry<String, Integer> e) -> -e.getValue()))
        .forEach(e -> table.row(e.getKey(), e.getValue()));
    table.row("all", operations.values().stream().mapToInt(Integer::intValue).sum());
    return table.text();
  }
}
