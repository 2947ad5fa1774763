package dev.catena.tools;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes for people. */
final class Bytes {
  private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB"};

  private static final Pattern SIZE = Pattern.compile("(\\d{1,18}(?:\\.\\d{1,9})?) ?([KMGT]i?)?B?", Pattern.CASE_INSENSITIVE);

  private Bytes() {}

  /**
   * Reads {@code 24GiB}; units are binary, since memory is sold so.
   *
   * @param option that was given it
   * @throws UserError when it is none, or more than 1 PiB
   */
  static long parse(String option, String size) {
    Matcher m = SIZE.matcher(size.strip());
    if (!m.matches()) {
      throw new UserError(option + " " + size + ": write a number and a unit, such as 24GiB");
    }
    int power = m.group(2) == null ? 0 : 1 + "KMGT".indexOf(Character.toUpperCase(m.group(2).charAt(0)));
    double bytes = Double.parseDouble(m.group(1)) * Math.pow(1024, power);
    if (bytes < 1 || bytes > 1L << 50) {
      throw new UserError(option + " " + size + ": must be from 1 byte to 1 PiB");
    }
    return (long) bytes;
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
