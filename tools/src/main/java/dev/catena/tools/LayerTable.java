package dev.catena.tools;

import dev.catena.ir.Module;
import dev.catena.passes.DecoderParts;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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
    head.addAll(DecoderParts.parts());
    head.add("left over");
    TextTable table = new TextTable(head.toArray(String[]::new));
    for (Runs.Run<DecoderParts> run : Runs.of(layers, (a, b) -> a.counts().equals(b.counts()) && a.left().size() == b.left().size())) {
      List<Object> row = new ArrayList<>(List.of(run.name(DecoderParts::stage)));
      row.addAll(run.first().counts().values());
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
