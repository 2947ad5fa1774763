package dev.catena.ir.text;

import java.util.List;

/** What a misspelt name may have meant. */
final class Suggestion {
  private static final int LONGEST = 80;

  private Suggestion() {}

  /** {@code "; did you mean NAME?"} for the nearest name, if one is near, else nothing. */
  static String among(String found, List<String> names) {
    return among(found, names, "");
  }

  /** The same, with a sign before the name. */
  static String among(String found, List<String> names, String sign) {
    String nearest = null;
    int least = found.length() > LONGEST ? 0 : Math.max(1, found.length() / 3) + 1;
    for (String name : names) {
      int distance = name.length() > LONGEST ? least : distance(found, name);
      if (distance < least) {
        least = distance;
        nearest = name;
      }
    }
    return nearest == null ? "" : "; did you mean " + sign + nearest + "?";
  }

  /** Insertions, deletions and replacements that make one text the other (Levenshtein 1965). */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }
}
