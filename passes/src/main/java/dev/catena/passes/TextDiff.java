package dev.catena.passes;

import com.github.difflib.DiffUtils;
import com.github.difflib.UnifiedDiffUtils;
import java.util.List;

/** What differs between two texts, line by line. */
public final class TextDiff {
  private static final int CONTEXT = 2;

  private TextDiff() {}

  /** A unified diff without file names, empty where the texts are equal. */
  public static String unified(String before, String after) {
    List<String> old = before.lines().toList();
    List<String> diff = UnifiedDiffUtils.generateUnifiedDiff("before", "after", old,
        DiffUtils.diff(old, after.lines().toList()), CONTEXT);
    return diff.size() <= 2 ? "" : String.join("\n", diff.subList(2, diff.size())) + "\n";
  }
}
