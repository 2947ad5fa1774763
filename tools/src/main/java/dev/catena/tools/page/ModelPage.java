package dev.catena.tools.page;

import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Type;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import dev.catena.passes.Pass;
import dev.catena.passes.Passes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the page of {@code inspect --html} shows, as the one object that its program reads. Lines of text are in it once,
 * however many steps and stages hold them, and so is a stage's graph that a step left as it was.
 */
public final class ModelPage {
  /** Larger graphs can't be read; and laying them out takes time that grows faster than they do. */
  private static final int MOST_BOXES_IN_GRAPH = 600;
  /** Over all graphs, so that a page stays small and is written in seconds. */
  private static final int MOST_BOXES = 6000;
  /** Larger texts would make a page that no browser likes. */
  private static final int MOST_LINES = 200_000;

  /** A name and what it is. */
  public record Fact(String name, String value) {}

  /** A weight as it is stored. */
  public record StoredWeight(String stage, String name, String type, long bytes, String layout) {}

  /** A file of generated code, line by line. */
  public record Source(String target, String file, List<String> lines) {}

  private final Map<String, Object> page = new LinkedHashMap<>();
  private final List<String> lines = new ArrayList<>();
  private final Map<String, Integer> lineIndex = new LinkedHashMap<>();
  private final List<Object> graphs = new ArrayList<>();
  private int boxes;

  /**
   * @param title the model's name
   * @param kind  what was opened, such as "artifact"
   */
  public ModelPage(String title, String kind) {
    page.put("title", title);
    page.put("kind", kind);
    for (String list : List.of("headline", "facts", "settings", "notes", "memoryFacts", "kernels", "sources", "weights")) {
      page.put(list, List.of());
    }
  }

  /** The few facts that come first, in large type. */
  public ModelPage headline(List<Fact> facts) {
    page.put("headline", facts);
    return this;
  }

  public ModelPage facts(List<Fact> facts) {
    page.put("facts", facts);
    return this;
  }

  public ModelPage settings(List<Fact> settings) {
    page.put("settings", settings);
    return this;
  }

  /** Lines that a reader must not miss. */
  public ModelPage notes(List<String> notes) {
    page.put("notes", notes);
    return this;
  }

  public ModelPage memory(List<Fact> facts) {
    page.put("memoryFacts", facts);
    return this;
  }

  /** @param kernels objects as {@code --json} lists them */
  public ModelPage kernels(List<Map<String, Object>> kernels, List<Source> sources) {
    page.put("kernels", kernels);
    page.put("sources", sources);
    return this;
  }

  /** The weights as they are stored; without this, those of the last module as their types state them. */
  public ModelPage weights(List<StoredWeight> weights) {
    page.put("weights", weights);
    return this;
  }

  /** The modules, the first one first. */
  public ModelPage steps(List<Step> steps) {
    StageGroups groups = new StageGroups(java.util.Arrays.asList(steps.stream().map(Step::module).toArray(Module[]::new)));
    List<Object> described = new ArrayList<>();
    List<List<String>> before = null;
    List<Map<String, Object>> viewsBefore = null;
    Module last = null;
    for (Step step : steps) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("label", step.label());
      json.put("pass", step.pass());
      json.put("summary", summary(step.pass()));
      json.put("problem", step.problem());
      if (step.module() != null) {
        last = step.module();
        json.put("counts", counts(step.module()));
        json.put("chain", chain(groups, step.module()));
        List<List<String>> texts = new ArrayList<>();
        List<Map<String, Object>> views = new ArrayList<>();
        for (int g = 0; g < groups.size(); g++) {
          Stage stage = groups.shown(g, step.module());
          List<String> text = stage == null ? List.of() : StageText.lines(stage);
          texts.add(text);
          views.add(stage == null ? null : view(stage, text, before == null ? null : before.get(g),
              viewsBefore == null ? null : viewsBefore.get(g)));
        }
        json.put("views", views);
        before = texts;
        viewsBefore = views;
      }
      described.add(json);
    }
    page.put("steps", described);
    page.put("memory", last == null ? List.of() : memoryPlans(groups, last));
    if (((List<?>) page.get("weights")).isEmpty() && last != null) {
      page.put("weights", statedWeights(last));
    }
    return this;
  }

  private static String summary(String pass) {
    return Passes.all().stream().filter(p -> p.name().equals(pass)).map(Pass::summary).findFirst()
        .orElse(pass.equals("import") ? "the model as it was read" : "");
  }

  /** Operations of all stages. */
  private static Map<String, Integer> counts(Module module) {
    Map<String, Integer> counts = new TreeMap<>();
    module.stages().forEach(stage -> OperationTally.add(stage, counts));
    return counts;
  }

  private static List<Object> chain(StageGroups groups, Module module) {
    List<Object> chain = new ArrayList<>();
    for (StageGroups.Run run : groups.chain(module)) {
      Stage stage = module.stage(run.first());
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("group", run.group());
      json.put("first", run.first());
      json.put("last", run.last());
      json.put("count", run.count());
      json.put("role", stage.textAttribute("role"));
      json.put("source", stage.textAttribute("source"));
      json.put("in", named(stage.arguments(), stage.arguments().stream().map(Value::name).toList()));
      json.put("out", named(stage.outputs(), stage.outputNames()));
      Map<String, Integer> counts = new TreeMap<>();
      OperationTally.add(stage, counts);
      json.put("operations", counts.values().stream().mapToInt(Integer::intValue).sum());
      json.put("bytes", StageText.weights(stage).stream().mapToDouble(w -> TypeText.bytes(w.type())).sum());
      chain.add(json);
    }
    return chain;
  }

  private static List<Fact> named(List<Value> values, List<String> names) {
    List<Fact> facts = new ArrayList<>();
    for (int i = 0; i < values.size(); i++) {
      facts.add(new Fact(names.get(i), TypeText.brief(values.get(i).type())));
    }
    return facts;
  }

  private Map<String, Object> view(Stage stage, List<String> text, List<String> before, Map<String, Object> viewBefore) {
    boolean unchanged = viewBefore != null && text.equals(before);
    Map<String, Object> view = new LinkedHashMap<>();
    view.put("text", unchanged ? viewBefore.get("text") : indices(text));
    if (before != null) {
      view.put("diff", LineDiff.of(before, text));
    }
    view.put("graph", unchanged ? viewBefore.get("graph") : graph(stage));
    return view;
  }

  /** The text as places in the page's lines, or null when the page holds too many. */
  private List<Integer> indices(List<String> text) {
    if (lines.size() + text.size() > MOST_LINES) {
      return null;
    }
    List<Integer> indices = new ArrayList<>(text.size());
    for (String line : text) {
      indices.add(lineIndex.computeIfAbsent(line, l -> {
        lines.add(l);
        return lines.size() - 1;
      }));
    }
    return indices;
  }

  /** A place in the page's graphs, or null for one that is too large to be read. */
  private Integer graph(Stage stage) {
    long size = StageGraph.size(stage);
    if (size > MOST_BOXES_IN_GRAPH || boxes + size > MOST_BOXES) {
      return null;
    }
    boxes += (int) size;
    graphs.add(GraphJson.of(stage));
    return graphs.size() - 1;
  }

  private static List<Object> memoryPlans(StageGroups groups, Module module) {
    List<Object> plans = new ArrayList<>();
    for (int g = 0; g < groups.size(); g++) {
      Stage stage = groups.shown(g, module);
      if (stage == null || !ArenaPlan.isPlanned(stage)) {
        continue;
      }
      ArenaPlan plan = ArenaPlan.of(stage);
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("group", g);
      json.put("stage", stage.name());
      json.put("count", groups.members(g).size());
      json.put("bytes", plan.bytes());
      json.put("rows", plan.rows());
      json.put("launches", plan.launches().stream().map(ModelPage::launch).toList());
      json.put("ranges", plan.ranges().stream().map(ModelPage::range).toList());
      plans.add(json);
    }
    return plans;
  }

  private static Map<String, Object> launch(ArenaPlan.Launch launch) {
    Operation op = launch.operation();
    List<String> reads = new ArrayList<>();
    List<String> weights = new ArrayList<>();
    for (Value v : op.operands()) {
      if (v != null && v.weight() != null) {
        weights.add("@" + v.weight().name() + "  " + TypeText.brief(v.type()));
      } else if (v != null) {
        reads.add("%" + v.name());
      }
    }
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("op", op.name());
    json.put("writes", "%" + op.result(0).name());
    json.put("type", TypeText.brief(op.result(0).type()));
    json.put("reads", reads);
    json.put("weights", weights);
    json.put("place", launch.place());
    return json;
  }

  private static Map<String, Object> range(ArenaPlan.Range range) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("name", "%" + range.value().name());
    json.put("type", TypeText.brief(range.value().type()));
    json.put("offset", range.offset());
    json.put("bytes", range.bytes());
    json.put("from", range.from());
    json.put("to", range.to());
    return json;
  }

  private static List<StoredWeight> statedWeights(Module module) {
    Map<Weight, String> reader = new java.util.IdentityHashMap<>();
    for (Stage stage : module.stages()) {
      StageText.weights(stage).forEach(w -> reader.putIfAbsent(w, stage.name()));
    }
    List<StoredWeight> weights = new ArrayList<>();
    for (Weight w : module.weights().values()) {
      Type type = w.type();
      weights.add(new StoredWeight(reader.getOrDefault(w, ""), w.name(), type.text(), TypeText.bytes(type), ""));
    }
    return weights;
  }

  /** The whole page: one file that refers to nothing outside it. */
  public String html() {
    page.putIfAbsent("steps", List.of());
    page.putIfAbsent("memory", List.of());
    page.put("lines", lines);
    page.put("graphs", graphs);
    return HtmlDocument.of((String) page.get("title"), page);
  }
}
