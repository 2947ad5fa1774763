package dev.catena.ir.text;

import java.util.List;

/** What a misspelt name may have meant. */
public final class Suggestion {
  private static final int LONGEST = 80;

  private Suggestion() {}

  /** {@code "; did you mean NAME?"} for the nearest name, if one is near, else nothing. */
  public static String among(String found, List<String> names) {
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

  /** Insertions, deletions, replacements and exchanges of neighbours that make one text the other (Damerau 1964). */
  private static int distance(String a, String b) {
    int[][] d = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          d[i][j] = i + j;
          continue;
        }
        int replaced = d[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        d[i][j] = Math.min(replaced, Math.min(d[i - 1][j], d[i][j - 1]) + 1);
        if (i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1)) {
          d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
        }
      }
    }
    return d[a.length()][b.length()];
  }
}
