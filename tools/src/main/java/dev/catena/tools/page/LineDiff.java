package dev.catena.tools.page;

import com.github.difflib.DiffUtils;
import com.github.difflib.patch.AbstractDelta;
import dev.catena.passes.ValueNumbers;
import java.util.ArrayList;
import java.util.List;

/**
 * How one text becomes another, line by line. The printer numbers values whose names are equal; a line in which only such
 * numbers differ counts as kept, since every removal renumbers what follows.
 */
final class LineDiff {
  /** What becomes of lines: the numbers that the page reads. */
  static final int KEPT = 0;
  static final int REMOVED = 1;
  static final int ADDED = 2;
  static final int RENUMBERED = 3;

  private LineDiff() {}

  /** Pairs: what becomes of the next lines, and how many they are. */
  static List<Integer> of(List<String> before, List<String> after) {
    List<Integer> script = new ArrayList<>();
    int at = 0;
    int now = 0;
    for (AbstractDelta<String> d : DiffUtils.diff(ValueNumbers.removed(before), ValueNumbers.removed(after)).getDeltas()) {
      now = keep(script, before, after, at, now, d.getSource().getPosition());
      at = d.getSource().getPosition() + d.getSource().size();
      add(script, REMOVED, d.getSource().size());
      add(script, ADDED, d.getTarget().size());
      now += d.getTarget().size();
    }
    keep(script, before, after, at, now, before.size());
    return script;
  }

  private static int keep(List<Integer> script, List<String> before, List<String> after, int from, int to, int end) {
    int now = to;
    for (int i = from; i < end; i++) {
      add(script, before.get(i).equals(after.get(now)) ? KEPT : RENUMBERED, 1);
      now++;
    }
    return now;
  }

  private static void add(List<Integer> script, int what, int count) {
    int last = script.size() - 2;
    if (count > 0 && last >= 0 && script.get(last) == what) {
      script.set(last + 1, script.get(last + 1) + count);
    } else if (count > 0) {
      script.add(what);
      script.add(count);
    }
  }
}
