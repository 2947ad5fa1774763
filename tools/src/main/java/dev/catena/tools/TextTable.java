package dev.catena.tools;

import java.util.ArrayList;
import java.util.List;

/** A table for the terminal: columns padded to their widest cell, numbers to the right. */
final class TextTable {
  private final List<String[]> rows = new ArrayList<>();

  TextTable(String... header) {
    rows.add(header);
  }

  void row(Object... cells) {
    String[] texts = new String[cells.length];
    for (int i = 0; i < cells.length; i++) {
      texts[i] = String.valueOf(cells[i]);
    }
    rows.add(texts);
  }

  String text() {
    int columns = rows.get(0).length;
    int[] width = new int[columns];
    for (String[] r : rows) {
      for (int i = 0; i < columns; i++) {
        width[i] = Math.max(width[i], r[i].length());
      }
    }
    StringBuilder s = new StringBuilder();
    for (String[] r : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < columns; i++) {
        boolean number = rows.size() > 1 && rows.get(1)[i].matches("[0-9].*");
        String padding = " ".repeat(width[i] - r[i].length());
        line.append(i == 0 ? "" : "  ").append(number ? padding + r[i] : r[i] + padding);
      }
      s.append(line.toString().stripTrailing()).append('\n');
    }
    return s.toString();
  }
}
