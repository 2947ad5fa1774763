package dev.catena.tools;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A text's tokens in windows, so that each is scored exactly once: the first window scores all of its tokens, each later
 * one those that no window before it has scored. A window is fed with a start token in front and without its own last token,
 * whose logits nobody needs, so one of W tokens takes W positions.
 */
final class TextWindows {
  /**
   * @param fed    ids to feed from an empty sequence
   * @param target {@code target[i]} is the id that the logits after {@code fed[i]} are scored on
   * @param first  the first {@code i} that is scored
   */
  record Window(int[] fed, int[] target, int first) {
    int scored() {
      return target.length - first;
    }
  }

  private TextWindows() {}

  /**
   * Cuts {@code ids}.
   *
   * @param start  the token in front of each window, or null where the model has none: a window's first token is then not
   *               scored, unless a window before it has done so
   * @param window tokens in a window, at least 1 (2 without a start token)
   * @param stride from one window's start to the next one's, 1 to {@code window}
   */
  static List<Window> of(int[] ids, Integer start, int window, int stride) {
    List<Window> windows = new ArrayList<>();
    int scored = 0;
    for (int begin = 0; scored < ids.length; begin += stride) {
      int end = Math.min(ids.length, begin + window);
      int[] tokens = Arrays.copyOfRange(ids, begin, end);
      int[] target = start == null ? Arrays.copyOfRange(tokens, 1, tokens.length) : tokens;
      int[] fed = new int[target.length];
      int shift = start == null ? 0 : 1;
      System.arraycopy(tokens, 0, fed, shift, fed.length - shift);
      if (start != null) {
        fed[0] = start;
      }
      int first = Math.max(0, scored - begin - (1 - shift));
      if (first < target.length) {
        windows.add(new Window(fed, target, first));
      }
      scored = end;
    }
    return windows;
  }
}
