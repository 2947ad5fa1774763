package dev.catena.passes;

import java.util.Locale;
import java.util.Map;

/** The tables of {@code --timing} and {@code --stats}. */
public final class PassReport {
  private PassReport() {}

  /** Milliseconds by pass, in the order in which they ran. */
  public static String timing(PassContext context) {
    StringBuilder s = new StringBuilder();
    long total = context.times().values().stream().mapToLong(n -> n).sum();
    context.times().forEach((pass, nanos) -> line(s, nanos, pass));
    line(s, total, "total");
    return s.toString();
  }

  private static void line(StringBuilder s, long nanos, String name) {
    s.append(String.format(Locale.ROOT, "%10.3f ms  %s%n", nanos / 1e6, name));
  }

  /** Counters that passes kept; those that stayed at zero are left out. */
  public static String counters(PassContext context) {
    StringBuilder s = new StringBuilder();
    for (Map.Entry<String, Integer> e : context.counters().entrySet()) {
      if (e.getValue() != 0) {
        s.append(String.format(Locale.ROOT, "%8d  %s%n", e.getValue(), e.getKey()));
      }
    }
    return s.toString();
  }
}
