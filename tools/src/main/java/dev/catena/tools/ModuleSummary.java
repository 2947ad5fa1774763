package dev.catena.tools;

import dev.catena.ir.Stage;
import dev.catena.ir.Value;
import dev.catena.tools.page.OperationTally;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What {@code inspect} says about stages that aren't compiled: a line each, what goes in and out, and the operations. */
final class ModuleSummary {
  private final List<Stage> stages;

  ModuleSummary(List<Stage> stages) {
    this.stages = stages;
  }

  long weightBytes() {
    return stages.stream().mapToLong(StageWeights::importedBytes)
        .reduce(0, (sum, bytes) -> sum + Math.min(bytes, Long.MAX_VALUE - sum));
  }

  /** Over all stages. Constants are data, not work: they are left out. */
  Map<String, Integer> operations() {
    return operations(stages);
  }

  int operationCount() {
    return total(operations());
  }

  private static int total(Map<String, Integer> counts) {
    return counts.values().stream().mapToInt(Integer::intValue).sum();
  }

  private static Map<String, Integer> operations(List<Stage> stages) {
    Map<String, Integer> counts = new TreeMap<>();
    stages.forEach(stage -> OperationTally.add(stage, counts));
    return counts;
  }

  /**
   * @param word  what a stage is called here
   * @param title what its operations are called
   */
  String text(String word, String title) {
    TextTable table = new TextTable(word, "source", "operations", "weights");
    List<Runs.Run<Stage>> runs = Runs.of(stages, ModuleSummary::alike);
    for (Runs.Run<Stage> run : runs) {
      Stage first = run.first();
      table.row(run.name(Stage::name), run.members().size() > 1 ? run.members().size() + " alike, each" : source(first),
          total(operations(List.of(first))), Bytes.text(StageWeights.importedBytes(first)));
    }
    StringBuilder s = new StringBuilder(table.text()).append('\n');
    for (Runs.Run<Stage> run : runs) {
      Stage first = run.first();
      s.append(run.name(Stage::name)).append('\n');
      first.arguments().forEach(a -> s.append("  in   ").append(a.name()).append(": ").append(a.type().text()).append('\n'));
      for (int i = 0; i < first.outputs().size(); i++) {
        s.append("  out  ").append(first.outputNames().get(i)).append(": ").append(first.outputs().get(i).type().text())
            .append('\n');
      }
    }
    return s.append('\n').append(OperationCounts.text(title, operations())).toString();
  }

  private static boolean alike(Stage a, Stage b) {
    return operations(List.of(a)).equals(operations(List.of(b)))
        && StageWeights.importedBytes(a) == StageWeights.importedBytes(b)
        && a.arguments().stream().map(Value::type).map(Object::toString).toList()
            .equals(b.arguments().stream().map(Value::type).map(Object::toString).toList());
  }

  private static String source(Stage stage) {
    String source = stage.textAttribute("source");
    return source == null ? "-" : source;
  }

  /** What {@code --json} always has: {@code stages}, {@code operations} and {@code kernels}, of which there are none. */
  Map<String, Object> json(String model) {
    List<Map<String, Object>> list = new ArrayList<>();
    for (Stage stage : stages) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("name", stage.name());
      json.put("role", stage.textAttribute("role"));
      json.put("source", stage.textAttribute("source"));
      json.put("inputs", types(stage.arguments(), stage.arguments().stream().map(Value::name).toList()));
      json.put("outputs", types(stage.outputs(), stage.outputNames()));
      json.put("weights_bytes", StageWeights.importedBytes(stage));
      list.add(json);
    }
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("model", Map.of("name", model));
    json.put("stages", list);
    json.put("operations", operations());
    json.put("kernels", List.of());
    return json;
  }

  private static Map<String, Object> types(List<Value> values, List<String> names) {
    Map<String, Object> types = new LinkedHashMap<>();
    for (int i = 0; i < values.size(); i++) {
      types.put(names.get(i), values.get(i).type().text());
    }
    return types;
  }
}
