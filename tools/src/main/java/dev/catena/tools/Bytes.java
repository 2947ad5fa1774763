package dev.catena.tools;

import java.util.Locale;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes for people. */
final class Bytes {
  private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB"};

  private static final Pattern SIZE = Pattern.compile("([0-9]{1,12}(?:\\.[0-9]{1,6})?) ?([KMGT]i?B)");

  private Bytes() {}

  /** The bytes that a size such as {@code 8GiB} or {@code 1.5 GB} means, at least one; units count by 1024. */
  static OptionalLong parse(String size) {
    Matcher matcher = SIZE.matcher(size.strip());
    if (!matcher.matches()) {
      return OptionalLong.empty();
    }
    double bytes = Double.parseDouble(matcher.group(1)) * Math.pow(1024, 1 + "KMGT".indexOf(matcher.group(2).charAt(0)));
    return bytes >= 1 && bytes < Long.MAX_VALUE / 2 ? OptionalLong.of((long) bytes) : OptionalLong.empty();
  }

  /** Three significant digits in binary units: {@code 5.43 MiB}. */
  static String text(long bytes) {
    double value = bytes;
    int unit = 0;
    while (value >= 1000 && unit < UNITS.length - 1) {
      value /= 1024;
      unit++;
    }
    if (unit == 0) {
      return bytes + " B";
    }
    String format = value >= 100 ? "%.0f %s" : value >= 10 ? "%.1f %s" : "%.2f %s";
    return String.format(Locale.ROOT, format, value, UNITS[unit]);
  }
}
