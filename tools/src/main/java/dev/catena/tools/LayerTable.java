package dev.catena.tools;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.ir.Stage;
import dev.catena.passes.DecoderParts;
import dev.catena.passes.PassContext;
import dev.catena.passes.PassException;
import dev.catena.passes.Pipeline;
import java.util.ArrayList;
import java.util.List;

/** What each decoder of a model becomes: a table, a row for each layer, and a line for each that falls short. */
final class LayerTable {
  private static final String RAISING = "fold,widen,clean,rope-tables,raise,causal-mask,share,merge";

  private final List<DecoderParts> layers = new ArrayList<>();
  private final List<String> warnings = new ArrayList<>();

  /** Raises the model, whose module is changed by it. */
  LayerTable(ImportedModel imported) {
    PassContext context = new PassContext();
    try {
      Pipeline.parse(RAISING).run(imported.module(), context);
    } catch (PassException e) {
      warnings.add(e.getMessage());
    }
    warnings.addAll(context.warnings());
    for (Stage stage : imported.module().stages()) {
      if ("decoder".equals(stage.textAttribute("role"))) {
        layers.add(DecoderParts.of(stage));
      }
    }
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

  List<String> warnings() {
    return warnings;
  }
}
