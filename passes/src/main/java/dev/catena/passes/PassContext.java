package dev.catena.passes;

import dev.catena.ir.Module;
import dev.catena.ir.WeightData;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One run of a pipeline: who watches it, and what passes report: counters, warnings and times. */
public final class PassContext {
  private final Map<String, Integer> counters = new LinkedHashMap<>();
  private final List<String> warnings = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private final Map<String, WeightData> calibrated = new HashMap<>();
  private final Map<String, Long> nanos = new LinkedHashMap<>();
  private final List<PassObserver> observers = new ArrayList<>();
  private boolean verifyEach;
  private int step;

  /** Checks the module after every pass. */
  public PassContext verifyEach(boolean wanted) {
    verifyEach = wanted;
    return this;
  }

  public PassContext observe(PassObserver observer) {
    observers.add(observer);
    return this;
  }

  /** Adds to a counter such as {@code raise.rms_norm}. */
  public void count(String counter, int n) {
    counters.merge(counter, n, Integer::sum);
  }

  /** One line for the user; shown on standard error. */
  public void warn(String line) {
    warnings.add(line);
  }

  boolean verifiesEach() {
    return verifyEach;
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

  void starting(Module module) {
    step = 0;
    tell("import", module);
  }

  void finished(String pass, Module module) {
    step++;
    tell(pass, module);
  }

  private void tell(String pass, Module module) {
    PassResult result = new PassResult(step, pass, module);
    observers.forEach(o -> o.after(result));
  }

  void failed(Pipeline.Step failing, RuntimeException failure) {
    observers.forEach(o -> o.failed(failing, failure));
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
