package dev.catena.ir;

import java.util.ArrayList;
import java.util.Collections;
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
    String unique = wanted;
    for (int i = 1; weights.containsKey(unique); i++) {
      unique = wanted + "_" + i;
    }
    Weight w = new Weight(unique, data);
    weights.put(unique, w);
    return w;
  }

  /** Gives weights new names, made unique by a number where one is taken. */
  public void renameWeights(Map<Weight, String> names) {
    List<Weight> all = new ArrayList<>(weights.values());
    weights.clear();
    for (Weight w : all) {
      String wanted = names.getOrDefault(w, w.name());
      String unique = wanted;
      for (int i = 1; weights.containsKey(unique); i++) {
        unique = wanted + "_" + i;
      }
      w.rename(unique);
      weights.put(unique, w);
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
