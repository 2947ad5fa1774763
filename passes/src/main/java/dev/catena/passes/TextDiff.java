package dev.catena.passes;

import com.github.difflib.DiffUtils;
import com.github.difflib.UnifiedDiffUtils;
import com.github.difflib.patch.AbstractDelta;
import com.github.difflib.patch.ChangeDelta;
import com.github.difflib.patch.Chunk;
import com.github.difflib.patch.Patch;
import java.util.List;

/** What differs between two texts, line by line. */
public final class TextDiff {
  private static final int CONTEXT = 2;

  private TextDiff() {}

  /**
   * A unified diff without file names. Lines in which only {@linkplain ValueNumbers numbers of values} differ count as equal
   * and stand as they were before; empty where nothing else differs.
   */
  public static String unified(String before, String after) {
    List<String> old = before.lines().toList();
    List<String> now = after.lines().toList();
    Patch<String> numbered = new Patch<>();
    for (AbstractDelta<String> d : DiffUtils.diff(ValueNumbers.removed(old), ValueNumbers.removed(now)).getDeltas()) {
      numbered.addDelta(new ChangeDelta<>(lines(old, d.getSource()), lines(now, d.getTarget())));
    }
    List<String> diff = UnifiedDiffUtils.generateUnifiedDiff("before", "after", old, numbered, CONTEXT);
    return diff.size() <= 2 ? "" : String.join("\n", diff.subList(2, diff.size())) + "\n";
  }

  /** The lines that a chunk stands for, with their numbers. */
  private static Chunk<String> lines(List<String> all, Chunk<String> chunk) {
    return new Chunk<>(chunk.getPosition(), all.subList(chunk.getPosition(), chunk.getPosition() + chunk.size()));
  }
}
