package dev.catena.passes;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What passes report while a pipeline runs: counters, warnings and times. */
public final class PassContext {
  private final Map<String, Integer> counters = new LinkedHashMap<>();
  private final List<String> warnings = new ArrayList<>();
  private final Map<String, Long> nanos = new LinkedHashMap<>();

  /** Adds to a counter such as {@code raise.rms_norm}. */
  public void count(String counter, int n) {
    counters.merge(counter, n, Integer::sum);
  }

  /** One line for the user; shown on standard error. */
  public void warn(String line) {
    warnings.add(line);
  }

  void time(String pass, long elapsed) {
    nanos.merge(pass, elapsed, Long::sum);
  }

  public Map<String, Integer> counters() {
    return counters;
  }

  public List<String> warnings() {
    return warnings;
  }

  /** Nanoseconds by pass. */
  public Map<String, Long> times() {
    return nanos;
  }
}
