package dev.catena.tools;

import dev.catena.ir.Module;
import dev.catena.passes.DecoderParts;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What each decoder of a module after {@code merge} consists of: a row for each layer, alike neighbours in one. */
final class LayerTable {
  private final List<DecoderParts> layers;

  LayerTable(Module merged) {
    layers = merged.stages().stream().filter(s -> "decoder".equals(s.textAttribute("role"))).map(DecoderParts::of).toList();
  }

  /** Empty where there is no decoder. */
  String text() {
    if (layers.isEmpty()) {
      return "";
    }
    List<String> head = new ArrayList<>(List.of("layer"));
    Set<String> parts = new LinkedHashSet<>();
    layers.forEach(layer -> parts.addAll(layer.counts().keySet()));
    head.addAll(parts);
    head.add("left over");
    TextTable table = new TextTable(head.toArray(String[]::new));
    for (Runs.Run<DecoderParts> run : Runs.of(layers, (a, b) -> a.counts().equals(b.counts()) && a.left().size() == b.left().size())) {
      List<Object> row = new ArrayList<>(List.of(run.name(DecoderParts::stage)));
      parts.forEach(part -> row.add(run.first().counts().getOrDefault(part, 0)));
      row.add(run.first().left().size());
      table.row(row.toArray());
    }
    return table.text();
  }

  /** An object for each layer: {@code name}, the count of each part, {@code left_over} and what a layer lacks, if it does. */
  List<Map<String, Object>> json() {
    List<Map<String, Object>> list = new ArrayList<>();
    for (DecoderParts layer : layers) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("name", layer.stage());
      json.putAll(layer.counts());
      json.put("left_over", layer.left().size());
      json.put("shortfall", layer.shortfall());
      list.add(json);
    }
    return list;
  }
}
