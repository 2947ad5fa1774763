package dev.catena.passes;

import dev.catena.ir.WeightData;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What passes report while a pipeline runs: counters, warnings and times. */
public final class PassContext {
  private final Map<String, Integer> counters = new LinkedHashMap<>();
  private final List<String> warnings = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private final Map<String, WeightData> calibrated = new HashMap<>();
  private final Map<String, Long> nanos = new LinkedHashMap<>();

  /** Adds to a counter such as {@code raise.rms_norm}. */
  public void count(String counter, int n) {
    counters.merge(counter, n, Integer::sum);
  }

  /** One line for the user; shown on standard error. */
  public void warn(String line) {
    warnings.add(line);
  }

  /** One line about what was done, for the user. */
  public void note(String line) {
    notes.add(line);
  }

  public List<String> notes() {
    return notes;
  }

  /** Gives {@code quantize} what a calibration made of the weights with these names. */
  public void calibrated(Map<String, WeightData> weights) {
    calibrated.putAll(weights);
  }

  /** What a calibration made of the weight, or null. */
  WeightData calibrated(String weight) {
    return calibrated.get(weight);
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
