package dev.catena.ir;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A model: its stages in the order data runs through them, and the weights they refer to. */
public final class Module {
  private final String name;
  private final List<Stage> stages = new ArrayList<>();
  private final LinkedHashMap<String, Weight> weights = new LinkedHashMap<>();
  private final TreeMap<String, Attribute> attributes = new TreeMap<>();
  /** How many numbers were tried behind a name that is taken. */
  private final Map<String, Integer> copies = new HashMap<>();

  public Module(String name) {
    this.name = name;
  }

  public String name() {
    return name;
  }

  public List<Stage> stages() {
    return Collections.unmodifiableList(stages);
  }

  public Stage stage(String stageName) {
    return stages.stream().filter(s -> s.name().equals(stageName)).findFirst().orElse(null);
  }

  public void addStage(Stage stage) {
    if (stage(stage.name()) != null) {
      throw new IrException("two stages are named @" + stage.name());
    }
    stages.add(stage);
  }

  public Map<String, Weight> weights() {
    return Collections.unmodifiableMap(weights);
  }

  /** Adds a weight under its name, made unique by a number where it is taken. */
  public Weight addWeight(String wanted, WeightData data) {
    Weight w = new Weight(unusedName(wanted), data);
    weights.put(w.name(), w);
    return w;
  }

  private String unusedName(String wanted) {
    String unique = wanted;
    while (weights.containsKey(unique)) {
      unique = wanted + "_" + copies.merge(wanted, 1, Integer::sum);
    }
    return unique;
  }

  /** Gives weights new names, made unique by a number where one is taken. */
  public void renameWeights(Map<Weight, String> names) {
    List<Weight> all = new ArrayList<>(weights.values());
    weights.clear();
    copies.clear();
    for (Weight w : all) {
      w.rename(unusedName(names.getOrDefault(w, w.name())));
      weights.put(w.name(), w);
    }
  }

  /** Drops the weights that no operation of any stage refers to any more. */
  public void removeUnusedWeights() {
    weights.values().removeIf(w -> w.value().uses().isEmpty());
  }

  public Map<String, Attribute> attributes() {
    return Collections.unmodifiableMap(attributes);
  }

  public void setAttribute(String attribute, Attribute value) {
    attributes.put(attribute, value);
  }

  @Override
  public String toString() {
    return Printer.module(this);
  }
}
