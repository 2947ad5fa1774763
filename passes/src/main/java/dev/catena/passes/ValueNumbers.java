package dev.catena.passes;

import java.util.List;
import java.util.regex.Pattern;

/**
 * The numbers by which the printer tells values of equal names apart ({@code %add_1}, {@code %add_2}). Every removal
 * renumbers what follows, so comparisons of texts look past them.
 */
public final class ValueNumbers {
  private static final Pattern NUMBER = Pattern.compile("(%[A-Za-z_][A-Za-z0-9_.-]*?)_[0-9]+(?![A-Za-z0-9_.-])");

  private ValueNumbers() {}

  /** The lines without such numbers. */
  public static List<String> removed(List<String> lines) {
    return lines.stream().map(line -> NUMBER.matcher(line).replaceAll("$1")).toList();
  }
}
