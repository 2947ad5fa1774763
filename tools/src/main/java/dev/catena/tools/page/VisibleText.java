package dev.catena.tools.page;

/** Names come from models. What would be invisible, or turn the text around it, is shown by its number. */
final class VisibleText {
  private VisibleText() {}

  /** The text with control, format (such as right-to-left override) and unpaired surrogate characters as {@code \u202e}. */
  static String of(String text) {
    StringBuilder s = null;
    for (int i = 0; i < text.length();) {
      int c = text.codePointAt(i);
      int length = Character.charCount(c);
      if (isVisible(c)) {
        if (s != null) {
          s.appendCodePoint(c);
        }
      } else {
        if (s == null) {
          s = new StringBuilder(text.substring(0, i));
        }
        s.append(String.format("\\u%04x", c));
      }
      i += length;
    }
    return s == null ? text : s.toString();
  }

  private static boolean isVisible(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.UNASSIGNED, Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR -> false;
      default -> true;
    };
  }
}
